#include "reconciler/pod/fetch/gguf.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <vector>

#include "common/base/text.hpp"
#include "common/base/wire_text.hpp"

namespace fetch {
namespace {

static_assert(std::endian::native == std::endian::little, "GGUF is read as it lies in the file");

constexpr std::string_view kMagic = "GGUF";
constexpr std::uint64_t kMostEntries = 1U << 20U;
constexpr std::uint64_t kLongestKey = 1U << 16U;
constexpr std::uint32_t kMostDimensions = 4;
constexpr std::uint32_t kString = 8;
constexpr std::uint32_t kArray = 9;

/// Sizes of the metadata types by number (0 for string and array).
constexpr std::array<std::uint8_t, 13> kValueSizes{1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

/// Tensor types of ggml.h: weights per block and bytes per block.
struct TensorType {
  std::uint32_t number;
  std::uint32_t weights;
  std::uint32_t bytes;
};
constexpr std::array kTensorTypes{
    TensorType{0, 1, 4},      TensorType{1, 1, 2},      TensorType{2, 32, 18},    TensorType{3, 32, 20},
    TensorType{6, 32, 22},    TensorType{7, 32, 24},    TensorType{8, 32, 34},    TensorType{9, 32, 36},
    TensorType{10, 256, 84},  TensorType{11, 256, 110}, TensorType{12, 256, 144}, TensorType{13, 256, 176},
    TensorType{14, 256, 210}, TensorType{15, 256, 292}, TensorType{16, 256, 66},  TensorType{17, 256, 74},
    TensorType{18, 256, 98},  TensorType{19, 256, 50},  TensorType{20, 32, 18},   TensorType{21, 256, 110},
    TensorType{22, 256, 82},  TensorType{23, 256, 136}, TensorType{24, 1, 1},     TensorType{25, 1, 2},
    TensorType{26, 1, 4},     TensorType{27, 1, 8},     TensorType{28, 1, 8},     TensorType{29, 256, 56},
    TensorType{30, 1, 2},     TensorType{34, 256, 54},  TensorType{35, 256, 66},  TensorType{39, 32, 17},
};

struct Broken {
  std::string why;
};

/// Reads forward through a buffer. Throws Broken, which `read_gguf` catches: a header is hundreds of small reads.
class Cursor {
 public:
  Cursor(const ReadAt& read_at, std::uint64_t size) : read_at_(read_at), size_(size), buffer_(std::size_t{64} << 10U) {}

  template <class Number>
  Number number() {
    Number value{};
    take(reinterpret_cast<char*>(&value), sizeof value);
    return value;
  }

  void skip(std::uint64_t bytes) {
    if (bytes > size_ - at_) throw Broken{"it ends inside its header"};
    at_ += bytes;
  }

  void skip_items(std::uint64_t count, std::uint64_t bytes_each) {
    if (count > (size_ - at_) / bytes_each) throw Broken{"it ends inside its header"};
    at_ += count * bytes_each;
  }

  /// A text of at most `longest` bytes; longer ones are passed over and given as empty.
  std::string text(std::uint64_t longest) {
    const auto length = number<std::uint64_t>();
    if (length > longest) {
      skip(length);
      return {};
    }
    if (length > size_ - at_) throw Broken{"it ends inside its header"};
    std::string out(static_cast<std::size_t>(length), '\0');
    take(out.data(), out.size());
    return out;
  }

  [[nodiscard]] std::uint64_t at() const { return at_; }

 private:
  void take(char* into, std::size_t bytes) {
    while (bytes > 0) {
      if (at_ < buffer_begin_ || at_ >= buffer_begin_ + filled_) {
        buffer_begin_ = at_;
        filled_ = at_ < size_ ? read_at_(at_, buffer_.data(), buffer_.size()) : 0;
        if (filled_ == 0) throw Broken{"it ends inside its header"};
      }
      const auto offset = static_cast<std::size_t>(at_ - buffer_begin_);
      const auto part = std::min(bytes, filled_ - offset);
      std::memcpy(into, buffer_.data() + offset, part);
      into += part;
      bytes -= part;
      at_ += part;
    }
  }

  const ReadAt& read_at_;
  std::uint64_t size_;
  std::vector<char> buffer_;
  std::uint64_t buffer_begin_ = 0;
  std::size_t filled_ = 0;
  std::uint64_t at_ = 0;
};

std::uint64_t scalar_size(std::uint32_t type) {
  if (type >= kValueSizes.size() || kValueSizes[type] == 0) {
    throw Broken{"its header holds a value of unknown type " + std::to_string(type)};
  }
  return kValueSizes[type];
}

void skip_array(Cursor& cursor) {
  const auto type = cursor.number<std::uint32_t>();
  const auto count = cursor.number<std::uint64_t>();
  if (type != kString) return cursor.skip_items(count, scalar_size(type));
  // The largest vocabularies have a million; of a file of zeros a count that it names itself would be hours of steps.
  constexpr std::uint64_t kMostTexts = std::uint64_t{1} << 24U;
  if (count > kMostTexts) throw Broken{"its header holds a list of " + std::to_string(count) + " texts"};
  for (std::uint64_t i = 0; i < count; ++i) cursor.skip(cursor.number<std::uint64_t>());
}

/// An unsigned number of any integer type; nothing for other types. Passes over the value in either case.
std::optional<std::uint64_t> take_integer(Cursor& cursor, std::uint32_t type) {
  switch (type) {
    case 2:
      return cursor.number<std::uint16_t>();
    case 4:
    case 5:
      return cursor.number<std::uint32_t>();
    case 10:
    case 11:
      return cursor.number<std::uint64_t>();
    case kString:
      cursor.skip(cursor.number<std::uint64_t>());
      return std::nullopt;
    case kArray:
      skip_array(cursor);
      return std::nullopt;
    default:
      cursor.skip(scalar_size(type));
      return std::nullopt;
  }
}

struct Layout {
  std::uint64_t alignment = 32;
  bool known = true;
  std::uint64_t end = 0;  // of the last tensor, from the start of the data
};

void read_entry(Cursor& cursor, GgufHeader& header, Layout& layout) {
  const auto key = cursor.text(kLongestKey);
  const auto type = cursor.number<std::uint32_t>();
  if (type == kString && (key == "general.architecture" || key == "general.name")) {
    (key == "general.name" ? header.name : header.architecture) = cursor.text(1024);
    return;
  }
  const auto value = take_integer(cursor, type);
  if (!value) return;
  if (key == "split.count") header.split_count = *value;
  if (key == "split.no") header.split_number = *value;
  if (key == "general.alignment") layout.alignment = *value;
}

/// Product and sums that stop at the largest number instead of going round.
std::uint64_t times(std::uint64_t a, std::uint64_t b) {
  std::uint64_t out = 0;
  return __builtin_mul_overflow(a, b, &out) ? UINT64_MAX : out;
}
std::uint64_t plus(std::uint64_t a, std::uint64_t b) {
  std::uint64_t out = 0;
  return __builtin_add_overflow(a, b, &out) ? UINT64_MAX : out;
}

void read_tensor(Cursor& cursor, Layout& layout) {
  cursor.skip(cursor.number<std::uint64_t>());
  const auto dimensions = cursor.number<std::uint32_t>();
  if (dimensions > kMostDimensions) throw Broken{"a tensor has " + std::to_string(dimensions) + " dimensions"};
  std::uint64_t weights = 1;
  for (std::uint32_t i = 0; i < dimensions; ++i) weights = times(weights, cursor.number<std::uint64_t>());
  const auto number = cursor.number<std::uint32_t>();
  const auto offset = cursor.number<std::uint64_t>();
  const auto type = std::ranges::find(kTensorTypes, number, &TensorType::number);
  if (type == kTensorTypes.end()) {
    layout.known = false;
    return;
  }
  const auto bytes = times(weights / type->weights + (weights % type->weights != 0 ? 1U : 0U), type->bytes);
  layout.end = std::max(layout.end, plus(offset, bytes));
}

void read_start(Cursor& cursor, GgufHeader& header) {
  std::array<char, 4> magic{};
  for (auto& c : magic) c = cursor.number<char>();
  if (std::string_view(magic.data(), magic.size()) != kMagic) throw Broken{"it does not begin with GGUF"};
  header.version = cursor.number<std::uint32_t>();
  if (header.version != 0 && (header.version & 0xffffU) == 0) throw Broken{"it is a big-endian GGUF"};
  if (header.version < 2 || header.version > 3) {
    throw Broken{"it has GGUF version " + std::to_string(header.version) + ", llama.cpp reads 2 and 3"};
  }
  header.tensors = cursor.number<std::uint64_t>();
  header.metadata_entries = cursor.number<std::uint64_t>();
  if (header.tensors > kMostEntries || header.metadata_entries > kMostEntries) {
    throw Broken{"its header counts more entries than any model has"};
  }
}

GgufHeader read_all(Cursor& cursor, std::uint64_t file_size) {
  GgufHeader header;
  Layout layout;
  read_start(cursor, header);
  for (std::uint64_t i = 0; i < header.metadata_entries; ++i) read_entry(cursor, header, layout);
  for (std::uint64_t i = 0; i < header.tensors; ++i) read_tensor(cursor, layout);
  if (layout.alignment == 0 || layout.alignment > kLongestKey) throw Broken{"its alignment makes no sense"};
  if (!layout.known || header.tensors == 0) return header;
  const auto data = plus(cursor.at(), layout.alignment - 1) / layout.alignment * layout.alignment;
  header.needed_size = plus(data, layout.end);
  if (header.needed_size > file_size) {
    throw Broken{"it is cut off: its tensors need " + std::to_string(header.needed_size) + " bytes, it has " +
                 std::to_string(file_size)};
  }
  return header;
}

std::string title_of(std::string_view page) {
  const auto low = base::lower(page);
  const auto open = low.find("<title");
  const auto begin = open == std::string::npos ? open : low.find('>', open);
  if (begin == std::string::npos) return {};
  const auto end = low.find("</title", begin);
  if (end == std::string::npos) return {};
  return base::shorten(base::to_utf8(base::trim(page.substr(begin + 1, end - begin - 1))), 80);
}

struct Start {
  std::string_view bytes;
  std::string_view name;
};
constexpr std::array kStarts{
    Start{"version https://git-lfs", "a Git LFS pointer, not the file it points to"},
    Start{"PK\x03\x04", "a ZIP archive (or PyTorch weights)"},
    Start{"\x1f\x8b", "gzip data"},
    Start{"<?xml", "an XML document"},
    Start{"ggml", "a model in the old GGML format"},
    Start{"lmgg", "a model in the old GGML format"},
    Start{"tjgg", "a model in the old GGJT format"},
};

}  // namespace

std::expected<GgufHeader, std::string> read_gguf(const ReadAt& read_at, std::uint64_t file_size) {
  try {
    Cursor cursor(read_at, file_size);
    return read_all(cursor, file_size);
  } catch (const Broken& broken) {
    return std::unexpected(broken.why);
  }
}

std::string describe_wrong_start(std::string_view first_bytes) {
  if (first_bytes.starts_with(kMagic)) return {};
  if (first_bytes.empty()) return "empty";
  for (const auto& start : kStarts) {
    if (first_bytes.starts_with(start.bytes)) return std::string(start.name);
  }
  const auto text = base::trim(first_bytes.substr(0, 4096));
  const auto low = base::lower(text.substr(0, 64));
  if (low.starts_with("<!doctype html") || low.starts_with("<html") || low.starts_with("<head")) {
    const auto title = title_of(text);
    return title.empty() ? "an HTML page" : "an HTML page (title: " + title + ")";
  }
  if (text.starts_with('{') || text.starts_with('[')) return "JSON";
  if (first_bytes.size() > 9 && first_bytes[8] == '{') return "a safetensors file";
  const bool printable =
      std::ranges::all_of(text, [](char c) { return c == '\n' || c == '\r' || c == '\t' || c >= 32; });
  return printable && !text.empty() ? "a text that begins with \"" + base::shorten(base::to_utf8(text), 40) + "\""
                                    : "no GGUF file (other first bytes)";
}

}  // namespace fetch
