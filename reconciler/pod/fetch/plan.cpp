#include "reconciler/pod/fetch/plan.hpp"

#include <algorithm>

#include "common/base/wire_text.hpp"

namespace fetch {
namespace {

std::unexpected<Failure> invalid(const base::Error& error) {
  return std::unexpected(Failure{Reason::invalid_source, error, {}});
}

bool is_gguf_name(std::string_view name) { return name.ends_with(".gguf") || name.ends_with(".GGUF"); }

std::string without_last_slashes(std::string text) {
  while (text.ends_with('/')) text.pop_back();
  return text;
}

std::string endpoint_of(const api::Source& source, const Options& options) {
  if (source.kind == api::SourceKind::huggingface) return without_last_slashes(options.hf_endpoint);
  if (source.kind != api::SourceKind::s3) return {};
  if (!options.aws_endpoint.empty()) return without_last_slashes(options.aws_endpoint);
  return "https://s3." + options.aws.region + ".amazonaws.com";
}

Remote remote_of(const api::Source& source, const std::string& file, const Options& options) {
  Remote remote;
  remote.url = api::url_of(source, file, endpoint_of(source, options));
  remote.kind = source.kind;
  if (source.kind == api::SourceKind::huggingface) remote.bearer = options.hf_token;
  if (source.kind == api::SourceKind::s3 && !options.aws.access_key.empty()) remote.aws = options.aws;
  return remote;
}

/// The set with every part of a split model, doubles dropped, the first part of the first file in front.
std::vector<std::string> whole_set(const std::vector<std::string>& files) {
  std::vector<std::string> out;
  for (const auto& file : files) {
    for (auto& shard : api::shards_of(file)) {
      if (std::ranges::find(out, shard) == out.end()) out.push_back(std::move(shard));
    }
  }
  return out;
}

std::string last_part(std::string_view path) {
  const auto slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

/// A source that names one part of a split model stands for all: its folder, and the parts as `files`. A URL's last
/// part is percent-encoded, a file's name is not.
Try<> expand_split(api::Source& source, std::vector<std::string>& files) {
  const bool is_url = source.kind == api::SourceKind::http;
  std::string& path = is_url ? source.url : source.path;
  if (!files.empty() || path.find_first_of("?#") != std::string::npos) return {};
  const auto name = is_url ? base::decode_percent(last_part(path)) : last_part(path);
  const auto shards = api::shards_of(name);
  if (shards.size() == 1) return {};
  if (auto checked = api::check_file(name); !checked) return invalid(checked.error());
  const auto folder = path.substr(0, path.size() - last_part(path).size());
  for (const auto& shard : shards) {
    files.push_back(source.kind == api::SourceKind::huggingface ? folder + shard : shard);
  }
  path = is_url ? folder : without_last_slashes(folder);
  if (source.kind == api::SourceKind::huggingface) path.clear();
  return {};
}

Try<> check(const Options& options) {
  if (options.to.empty()) return invalid({"is missing", "--to", "give the folder of the volume"});
  const auto is_projector = [&](const auto& file) { return file == options.mmproj; };
  if (!options.mmproj.empty() && std::ranges::all_of(options.files, is_projector)) {
    return invalid({"is no model", "mmproj " + options.mmproj, "list the model's file in spec.files"});
  }
  for (const auto& file : options.files) {
    if (auto checked = api::check_file(file); !checked) return invalid(checked.error());
  }
  if (options.mmproj.empty()) return {};
  if (auto checked = api::check_file(options.mmproj); !checked) return invalid(checked.error());
  return {};
}

void add_files(Plan& plan, const api::Source& source, const std::vector<std::string>& names, const Options& options) {
  for (const auto& name : names) {
    PlannedFile file{name, plan.files.empty() ? Role::model : Role::shard, remote_of(source, name, options)};
    file.remote.gguf = plan.files.empty() || is_gguf_name(name);
    plan.files.push_back(std::move(file));
  }
}

std::string below(const std::string& folder, const std::string& name) {
  return folder.empty() ? name : folder + "/" + name;
}

}  // namespace

Try<Plan> make_plan(const Options& options) {
  if (auto checked = check(options); !checked) return std::unexpected(checked.error());
  auto source = api::parse_source(options.source, !options.files.empty());
  if (!source) return invalid(source.error());
  auto files = options.files;
  Plan plan;
  plan.kind = source->kind;
  plan.key = options.key.empty() ? api::cache_key(options.source) : options.key;
  plan.volume = without_last_slashes(options.to);
  plan.folder = source->kind == api::SourceKind::pvc ? plan.volume : plan.volume + "/" + plan.key;
  if (auto expanded = expand_split(*source, files); !expanded) return std::unexpected(expanded.error());
  if (source->kind == api::SourceKind::pvc) {
    auto names = files.empty() ? std::vector{source->path} : whole_set(files);
    if (!files.empty()) {
      for (auto& name : names) name = below(source->path, name);
    }
    add_files(plan, *source, names, options);
    if (!options.mmproj.empty()) {
      plan.files.push_back({below(source->path, options.mmproj), Role::mmproj, remote_of(*source, "", options)});
    }
  } else if (files.empty()) {
    plan.single = true;
    const auto name = api::file_of_model(options.name);
    if (auto checked = api::check_file(name); !checked) return invalid(checked.error());
    plan.files.push_back({name, Role::model, remote_of(*source, "", options)});
  } else {
    add_files(plan, *source, whole_set(files), options);
    if (!options.mmproj.empty()) {
      std::erase_if(plan.files, [&](const auto& file) { return file.name == options.mmproj; });
      plan.files.push_back({options.mmproj, Role::mmproj, remote_of(*source, options.mmproj, options)});
    }
  }
  plan.files.front().remote.sha256 = options.sha256;
  return plan;
}

}  // namespace fetch
