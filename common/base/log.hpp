#pragma once
#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

/// Log lines are events with keys, in logfmt on standard error, one per transition:
/// `2026-11-24T20:12:54.123Z info model-available isvc=edge/multi model=phi4-mini`.
/// Thread-safe. Values are quoted where needed and stay on one line.
namespace base::log {

enum class Level { debug, info, warning, error };

/// One `key=value`.
struct Field {
  Field(std::string_view field_key, std::string_view field_value) : key(field_key), value(field_value) {}
  Field(std::string_view field_key, const char* field_value) : key(field_key), value(field_value) {}
  Field(std::string_view field_key, const std::string& field_value) : key(field_key), value(field_value) {}
  template <class Number>
  requires std::integral<Number> || std::floating_point<Number> Field(std::string_view field_key, Number field_value)
      : key(field_key), value(std::to_string(field_value)) {}

  std::string_view key;
  std::string value;
};

using Fields = std::initializer_list<Field>;

void debug(std::string_view event, Fields fields = {});
void info(std::string_view event, Fields fields = {});
void warning(std::string_view event, Fields fields = {});
void error(std::string_view event, Fields fields = {});

/// Lines below it are dropped; `info` at start. May be changed at any time.
void set_level(Level level);
/// "debug", "info", "warning", "error"; false for any other word, and nothing changes.
[[nodiscard]] bool set_level(std::string_view name);

/// The line as it is written, without time and level.
[[nodiscard]] std::string format(std::string_view event, Fields fields);

}  // namespace base::log
