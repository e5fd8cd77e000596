#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "test/fakes/api_server/field_set.hpp"

namespace fakes {

/// "/apis/apps/v1/namespaces/edge/deployments/multi/status"
struct ObjectPath {
  std::string group_path;   ///< "/apis/apps/v1"
  std::string name_space;   ///< empty: cluster-wide, or all
  std::string plural;       ///< "deployments"
  std::string name;         ///< empty: the collection
  std::string subresource;  ///< "status"

  [[nodiscard]] std::string collection() const { return group_path + "/" + plural; }
  [[nodiscard]] std::string key() const { return name_space + "/" + name; }
};
[[nodiscard]] std::optional<ObjectPath> parse_path(const std::string& path);

/// The answer to a request: status code and body.
struct Answer {
  int status = 200;
  Json body;
};
[[nodiscard]] Answer failure(int status, const std::string& reason, const std::string& message,
                             const Json& causes = Json::array());

/// What a watcher sees.
struct StoredEvent {
  long version = 0;
  std::string collection;
  std::string type;
  Json object;
};

/// Objects with versions, generations and managed fields: the semantics of the API server, without its schemas.
/// Not thread-safe.
class Store {
 public:
  Answer get(const ObjectPath& path) const;
  Answer create(const ObjectPath& path, Json body, const std::string& manager);
  Answer apply(const ObjectPath& path, Json body, const std::string& manager, bool force);
  Answer merge_patch(const ObjectPath& path, const Json& patch, const std::string& manager);
  Answer json_patch(const ObjectPath& path, const Json& patch, const std::string& manager);
  Answer replace(const ObjectPath& path, Json body, const std::string& manager);
  Answer remove(const ObjectPath& path, const Json& options);

  /// Items in key order, from `first` on, at most `limit` (0: all).
  struct Page {
    std::vector<Json> items;
    std::size_t next = 0;  ///< 0: no more
  };
  [[nodiscard]] Page list(const ObjectPath& path, std::size_t first, std::size_t limit, const std::string& labels,
                          const std::string& fields) const;

  [[nodiscard]] long version() const { return version_; }
  void set_version(long version) { version_ = version; }
  [[nodiscard]] const std::vector<StoredEvent>& events() const { return events_; }
  void clear_events() { events_.clear(); }

  [[nodiscard]] static bool matches(const Json& object, const std::string& labels, const std::string& fields);

 private:
  struct Owned {
    std::string manager;
    std::string operation;
    std::string subresource;
    FieldSet fields;
  };
  struct Stored {
    Json object;
    std::vector<Owned> owners;
  };
  using Collection = std::map<std::string, Stored>;

  /// What the removed object owned goes with it.
  void collect_garbage(const std::string& owner_uid);
  [[nodiscard]] const Stored* find(const ObjectPath& path) const;
  /// Gives the object its version and tells watchers, unless nothing changed.
  Answer commit(const ObjectPath& path, Stored before, Stored after, bool is_new);
  static Owned& owner(Stored& stored, const std::string& manager, const std::string& operation,
                      const std::string& subresource);
  /// As an update does: changed leaves become the manager's, and nobody else's.
  static void take_over(Stored& stored, const Json& before, const std::string& manager, const std::string& subresource);
  static Json with_managed_fields(const Stored& stored);

  long version_ = 100;
  std::map<std::string, Collection> collections_;
  std::vector<StoredEvent> events_;
  /// Of all objects there are.
  std::set<std::string> uids_;
};

}  // namespace fakes
