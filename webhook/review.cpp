#include "webhook/review.hpp"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "common/base/base64.hpp"

namespace webhook {
namespace {

constexpr std::string_view kWhere = "AdmissionReview";
constexpr std::string_view kApiVersion = "admission.k8s.io/v1";

constexpr std::array kOperations{
    std::pair{Operation::create, std::string_view("CREATE")},
    std::pair{Operation::update, std::string_view("UPDATE")},
    std::pair{Operation::remove, std::string_view("DELETE")},
    std::pair{Operation::connect, std::string_view("CONNECT")},
};

std::unexpected<base::Error> wrong(std::string what) {
  return base::fail(std::move(what), std::string(kWhere), "send an AdmissionReview of admission.k8s.io/v1");
}

std::optional<Operation> operation_of(std::string_view name) {
  for (const auto& [operation, text] : kOperations) {
    if (text == name) return operation;
  }
  return std::nullopt;
}

/// With `generateName` a new object has no name yet.
std::string name_of(const Review& review, const base::JsonValue& request) {
  auto name = base::string_at(request, {"name"});
  if (!name.empty() || review.object == nullptr) return name;
  name = base::string_at(*review.object, {"metadata", "name"});
  return name.empty() ? base::string_at(*review.object, {"metadata", "generateName"}) : name;
}

base::Result<> read_objects(Review& review, const base::JsonValue& request) {
  review.object = base::present(request, "object");
  review.old_object = base::present(request, "oldObject");
  const bool needs_object = review.operation == Operation::create || review.operation == Operation::update;
  if (needs_object && review.object == nullptr) return wrong("request.object is missing");
  if (review.operation == Operation::update && review.old_object == nullptr) {
    return wrong("request.oldObject is missing");
  }
  return {};
}

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void text(Writer& writer, std::string_view value) {
  writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

void member(Writer& writer, std::string_view key, std::string_view value) {
  text(writer, key);
  text(writer, value);
}

void write_status(Writer& writer, const rules::Denial& denial) {
  text(writer, "status");
  writer.StartObject();
  member(writer, "status", "Failure");
  member(writer, "reason", "Invalid");
  text(writer, "code");
  writer.Int(422);
  member(writer, "message", denial.message);
  text(writer, "details");
  writer.StartObject();
  member(writer, "name", denial.name);
  member(writer, "group", denial.group);
  member(writer, "kind", denial.kind);
  text(writer, "causes");
  writer.StartArray();
  for (const auto& cause : denial.causes) {
    writer.StartObject();
    member(writer, "reason", cause.reason);
    member(writer, "message", cause.message);
    member(writer, "field", cause.field);
    writer.EndObject();
  }
  writer.EndArray();
  writer.EndObject();
  writer.EndObject();
}

void write_response(Writer& writer, std::string_view uid, const Verdict& verdict) {
  writer.StartObject();
  member(writer, "uid", uid);
  text(writer, "allowed");
  writer.Bool(verdict.allowed);
  if (!verdict.allowed) write_status(writer, verdict.denial);
  if (!verdict.patch.empty()) {
    member(writer, "patchType", "JSONPatch");
    member(writer, "patch", base::to_base64(rules::to_json_patch(verdict.patch)));
  }
  if (!verdict.warnings.empty()) {
    text(writer, "warnings");
    writer.StartArray();
    for (const auto& warning : verdict.warnings) text(writer, warning);
    writer.EndArray();
  }
  writer.EndObject();
}

}  // namespace

std::string_view to_string(Operation operation) {
  return std::ranges::find(kOperations, operation, &decltype(kOperations)::value_type::first)->second;
}

base::Result<Review> decode_review(std::string_view body) {
  if (std::ssize(body) > kMaxValues && std::ranges::count(body, ',') > kMaxValues)
    return wrong("more values than any object has");
  auto document = base::parse_json(body, kWhere);
  if (!document) return std::unexpected(std::move(document.error()));
  Review review{.document = std::move(*document)};
  if (base::string_at(review.document, {"kind"}) != "AdmissionReview") return wrong("kind is not AdmissionReview");
  if (base::string_at(review.document, {"apiVersion"}) != kApiVersion) {
    return wrong("apiVersion is not " + std::string(kApiVersion));
  }
  const auto* request = base::present(review.document, "request");
  if (request == nullptr || !request->IsObject()) return wrong("request is missing");
  review.uid = base::string_at(*request, {"uid"});
  if (review.uid.empty()) return wrong("request.uid is missing");
  review.kind = base::string_at(*request, {"kind", "kind"});
  if (review.kind.empty()) return wrong("request.kind is missing");
  review.group = base::string_at(*request, {"kind", "group"});
  const auto operation = operation_of(base::string_at(*request, {"operation"}));
  if (!operation) return wrong("request.operation is none of CREATE, UPDATE, DELETE, CONNECT");
  review.operation = *operation;
  review.name_space = base::string_at(*request, {"namespace"});
  review.subresource = base::string_at(*request, {"subResource"});
  review.user = base::string_at(*request, {"userInfo", "username"});
  review.dry_run = base::as_bool(base::find(*request, "dryRun")).value_or(false);
  if (auto read = read_objects(review, *request); !read) return std::unexpected(std::move(read.error()));
  review.name = name_of(review, *request);
  return review;
}

std::string encode_answer(std::string_view uid, const Verdict& verdict) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  member(writer, "apiVersion", kApiVersion);
  member(writer, "kind", "AdmissionReview");
  text(writer, "response");
  write_response(writer, uid, verdict);
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace webhook
