#include "webhook/check/check.hpp"

#include <algorithm>
#include <deque>
#include <filesystem>
#include <iterator>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "common/base/file.hpp"
#include "common/base/text.hpp"
#include "common/rules/rule.hpp"
#include "webhook/check/defaulted.hpp"
#include "webhook/check/documents.hpp"
#include "webhook/check/encoding.hpp"
#include "webhook/check/metadata.hpp"
#include "webhook/check/neighbours.hpp"
#include "webhook/check/output.hpp"
#include "webhook/check/unknown_fields.hpp"

namespace webhook {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFileBytes = std::size_t{256} << 20U;
constexpr int kClean = 0;
constexpr int kFindings = 1;
constexpr int kUnreadable = 2;

/// A file that was read; its nodes and lines stay for the findings about it.
struct File {
  std::string name;
  std::string text;
  Documents documents;
  /// Where each line begins; filled when the first one is asked for.
  std::vector<std::size_t> line_starts;
};

std::string text_of(const Node& object, std::string_view key) {
  const Node* value = object.find(key);
  return value != nullptr && value->kind == Node::Kind::string ? value->text : std::string{};
}

void set_text(Node& object, std::string key, std::string text) {
  std::erase_if(object.members, [&](const Node::Member& member) { return member.key == key; });
  Node value;
  value.kind = Node::Kind::string;
  value.mark = object.mark;
  value.text = std::move(text);
  object.members.insert(object.members.begin(), {std::move(key), object.mark, std::move(value)});
}

/// The path in the object itself: only a List has a field `items` at its top.
std::string_view within_item(std::string_view path) {
  const auto end = path.starts_with("items[") ? path.find("].") : std::string_view::npos;
  return end == std::string_view::npos ? path : path.substr(end + 2);
}

class Run {
 public:
  Run(const CheckOptions& options, std::istream& in, std::ostream& out, std::ostream& err)
      : options_(options), in_(in), out_(out), err_(err) {}

  int run() {
    for (const auto& path : options_.paths) read(path);
    for (auto& file : files_) check_file(file);
    neighbours_.finish(findings_);
    put_in_order();
    count_characters();
    if (options_.defaults) {
      write_defaulted();
      std::erase_if(findings_,
                    [](const LocatedFinding& found) { return found.finding.severity == rules::Severity::warning; });
    }
    write_findings(
        options_.format, findings_, [this](const auto& file, auto line) { return line_of(file, line); },
        options_.defaults ? err_ : out_);
    return close();
  }

 private:
  // Reading.

  void cannot_read(const std::string& path, std::string_view why) {
    err_ << path << ": " << why << "\n";
    unreadable_ = true;
  }

  void read(const std::string& path) {
    std::error_code error;
    if (path == "-") {
      add("stdin", std::string(std::istreambuf_iterator<char>(in_), {}));
    } else if (fs::is_directory(path, error)) {
      read_folder(path);
    } else {
      read_file(path);
    }
  }

  /// Each file once, also when it is named twice or lies in a folder that is named too.
  void read_file(const std::string& path) {
    std::error_code error;
    if (!seen_.insert(fs::weakly_canonical(path, error).string()).second) return;
    auto content = base::read_file(path, kMaxFileBytes);
    if (!content) {
      cannot_read(path, content.error().what);
      return;
    }
    add(path, *content);
  }

  void read_folder(const std::string& path) {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::recursive_directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
      const auto extension = at->path().extension();
      std::error_code ignored;
      if (at->is_regular_file(ignored) && (extension == ".yaml" || extension == ".yml" || extension == ".json"))
        names.push_back(at->path().string());
    }
    if (error) cannot_read(path, error.message());
    std::ranges::sort(names);
    for (const auto& name : names) read_file(name);
  }

  void add(std::string name, std::string_view bytes) {
    File& file = files_.emplace_back();
    file.name = std::move(name);
    file.text = decode_text(bytes);
    file.documents = read_documents(file.text);
  }

  // Checking.

  void check_file(File& file) {
    for (const auto& problem : file.documents.problems) report_problem(file, problem);
    unreadable_ = unreadable_ || file.documents.unreadable;
    for (auto& root : file.documents.roots) check_root(file, root);
  }

  void report_problem(const File& file, const FileProblem& problem) {
    if (problem.key.empty()) {
      err_ << file.name << ':' << problem.mark.line << ':' << problem.mark.column << ": error: " << problem.what
           << "\n";
      unreadable_ = true;
      return;
    }
    const kube::FieldPath root;
    auto finding = rules::make_finding(rules::rule("duplicate-key"), root.child(within_item(problem.path)),
                                       base::quote_json(problem.key));
    findings_.push_back({file.name, problem.mark, std::move(finding), ""});
  }

  void cannot_apply(const File& file, const Node& node, std::string_view why) {
    report_problem(file, {node.mark, "", std::string(why)});
  }

  /// A patch (RFC 6902), as kustomize has them beside its manifests.
  static bool is_json_patch(const Node& root) {
    return root.kind == Node::Kind::list && !root.items.empty() &&
           std::ranges::all_of(
               root.items, [](const Node& item) { return item.find("op") != nullptr && item.find("path") != nullptr; });
  }

  /// An object, or a list of them: to kubectl, what has `items`.
  void check_root(const File& file, Node& root) {
    if (root.kind == Node::Kind::null) return;
    if (is_json_patch(root)) {
      ++others_;
      return;
    }
    if (root.kind != Node::Kind::map) return cannot_apply(file, root, "no object: kubectl takes no other documents");
    const auto items = std::ranges::find(root.members, "items", &Node::Member::key);
    if (items == root.members.end() || text_of(root, "kind").empty()) return check_object(file, root);
    if (items->value.kind != Node::Kind::list) {
      if (items->value.kind != Node::Kind::null) cannot_apply(file, items->value, "items must be a list");
      return;
    }
    for (auto& item : items->value.items) check_item(file, root, item);
  }

  void check_item(const File& file, const Node& list, Node& item) {
    if (item.kind != Node::Kind::map) return cannot_apply(file, item, "no object: kubectl takes no other items");
    if (const Node* items = item.find("items"); items != nullptr && items->kind == Node::Kind::list)
      return cannot_apply(file, item, "a list of objects in a list, which kubectl takes none of");
    // As kubectl: a list of one kind says it for its items.
    if (text_of(item, "kind").empty() && text_of(item, "apiVersion").empty()) {
      std::string kind = text_of(list, "kind");
      if (kind.ends_with("List")) kind.resize(kind.size() - std::string_view("List").size());
      set_text(item, "kind", std::move(kind));
      set_text(item, "apiVersion", text_of(list, "apiVersion"));
    }
    check_object(file, item);
  }

  static std::optional<api::Kind> kind_of(const Node& object) {
    const std::string version = text_of(object, "apiVersion");
    if (!version.empty() && !version.starts_with(std::string(api::kGroup) + "/")) return std::nullopt;
    return api::kind_of(text_of(object, "kind"));
  }

  void check_object(const File& file, Node& node) {
    const auto kind = kind_of(node);
    if (!kind) {
      ++others_;
      check_kind(file, node);
      return;
    }
    ++checked_;
    CheckedObject object{file.name, &node, std::string(api::kind_name(*kind)), "", ""};
    if (const Node* metadata = node.find("metadata")) {
      object.name = text_of(*metadata, "name");
      object.name_space = text_of(*metadata, "namespace");
    }
    check_version(object);
    check_metadata(object, findings_);
    find_unknown_fields(*kind, object, findings_);
    for (auto& finding : rules::validate(to_json(node), options_.site))
      findings_.push_back(locate(object, std::move(finding)));
    neighbours_.add(object);
    if (options_.defaults) defaulted_.push_back({*kind, &node});
  }

  /// A kind of this API that is nearly one of ours; LLMKube has others.
  void check_kind(const File& file, const Node& node) {
    const std::string kind = text_of(node, "kind");
    if (text_of(node, "apiVersion") != api::kApiVersion || kind.ends_with("List")) return;
    const std::string near =
        base::nearest(kind, {api::kind_name(api::Kind::inference_service), api::kind_name(api::Kind::model)});
    if (near.empty()) return;
    const kube::FieldPath root;
    auto finding = rules::make_finding(rules::rule("kind-known"), root.child("kind"), base::quote_json(kind), {near});
    findings_.push_back({file.name, locate(node, finding.path), std::move(finding), ""});
  }

  void check_version(const CheckedObject& object) {
    const std::string version = text_of(*object.node, "apiVersion");
    if (version == api::kApiVersion) return;
    const kube::FieldPath root;
    findings_.push_back(
        locate(object, rules::make_finding(rules::rule("api-version"), root.child("apiVersion"),
                                           version.empty() ? "" : base::quote_json(version), {api::kApiVersion})));
  }

  void put_in_order() {
    std::unordered_map<std::string, std::size_t> rank;
    for (std::size_t i = 0; i < files_.size(); ++i) rank.emplace(files_[i].name, i);
    std::ranges::stable_sort(findings_, [&](const LocatedFinding& a, const LocatedFinding& b) {
      const auto file_a = rank.at(a.file);
      const auto file_b = rank.at(b.file);
      return std::tie(file_a, a.mark.line, a.mark.column) < std::tie(file_b, b.mark.line, b.mark.column);
    });
  }

  /// Readers count bytes; people, SARIF and editors count characters. In their order: a line is walked once, however
  /// long it is and however much is found in it.
  void count_characters() {
    std::string_view rest;
    Mark bytes;
    std::size_t characters = 1;
    const std::string* file = nullptr;
    for (auto& found : findings_) {
      if (file == nullptr || *file != found.file || bytes.line != found.mark.line) {
        file = &found.file;
        bytes = {found.mark.line, 1};
        characters = 1;
        rest = line_of(found.file, found.mark.line);
      }
      const auto step = rest.substr(0, found.mark.column - bytes.column);
      characters += step.size() - static_cast<std::size_t>(std::ranges::count_if(step, base::continues_character));
      rest.remove_prefix(step.size());
      bytes.column += step.size();
      found.mark.column = characters + (found.mark.column - bytes.column);
    }
  }

  // Writing.

  std::string_view line_of(const std::string& name, std::size_t line) {
    const auto file = std::ranges::find(files_, name, &File::name);
    if (file == files_.end()) return {};
    if (file->line_starts.empty()) {
      file->line_starts.push_back(0);
      for (auto end = file->text.find('\n'); end != std::string::npos; end = file->text.find('\n', end + 1))
        file->line_starts.push_back(end + 1);
    }
    if (line == 0 || line > file->line_starts.size()) return {};
    const std::size_t begin = file->line_starts[line - 1];
    const std::size_t end = line < file->line_starts.size() ? file->line_starts[line] - 1 : file->text.size();
    auto out = std::string_view(file->text).substr(begin, end - begin);
    if (out.ends_with('\r')) out.remove_suffix(1);
    return out;
  }

  void write_defaulted() {
    bool first = true;
    for (const auto& [kind, node] : defaulted_) {
      Node copy = *node;
      set_cluster_defaults(kind, copy);
      if (!first) out_ << "---\n";
      first = false;
      write_yaml(copy, out_);
    }
  }

  static std::string counted(std::size_t count, std::string_view word) {
    return std::to_string(count) + " " + std::string(word) + (count == 1 ? "" : "s");
  }

  int close() {
    const auto errors = static_cast<std::size_t>(std::ranges::count_if(
        findings_, [](const LocatedFinding& found) { return found.finding.severity == rules::Severity::error; }));
    const std::size_t warnings = findings_.size() - errors;
    err_ << counted(errors, "error") << ", " << counted(warnings, "warning") << " in " << counted(checked_, "object");
    if (others_ > 0) err_ << "; " << counted(others_, "object") << " of other kinds passed by";
    err_ << "\n";
    if (unreadable_) return kUnreadable;
    return errors > 0 || (options_.strict && warnings > 0) ? kFindings : kClean;
  }

  const CheckOptions& options_;
  std::istream& in_;
  std::ostream& out_;
  std::ostream& err_;

  std::deque<File> files_;
  std::unordered_set<std::string> seen_;
  std::vector<LocatedFinding> findings_;
  std::vector<std::pair<api::Kind, const Node*>> defaulted_;
  Neighbours neighbours_;
  std::size_t checked_ = 0;
  std::size_t others_ = 0;
  bool unreadable_ = false;
};

}  // namespace

int run_check(const CheckOptions& options, std::istream& in, std::ostream& out, std::ostream& err) {
  return Run(options, in, out, err).run();
}

}  // namespace webhook
