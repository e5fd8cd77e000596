#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "reconciler/pod/fetch/download.hpp"

namespace fetch {

/// What a run is asked to do: flags and environment of model-fetch.
struct Options {
  std::string source;
  /// Paths in the repository; the first is the model. Empty: the file that the source names.
  std::vector<std::string> files;
  std::string mmproj;
  /// Of the first file.
  std::string sha256;
  /// Where the volume is mounted.
  std::string to;
  /// The Model's name.
  std::string name;
  /// The folder on the volume; empty: from the source.
  std::string key;
  /// Look whether the source has changed, though good files are there.
  bool on_change = false;

  std::string ca_file;
  /// Bytes per second; 0: no limit.
  std::uint64_t rate_limit = 0;
  DownloadSettings download;

  std::string hf_token;
  std::string hf_endpoint = "https://huggingface.co";
  AwsKeys aws;
  /// Empty: Amazon's for the region.
  std::string aws_endpoint;
};

}  // namespace fetch
