#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.hpp"
#include "common/net/head.hpp"
#include "reconciler/pod/agent/gate/chunks.hpp"
#include "reconciler/pod/agent/gate/scheduler.hpp"
#include "reconciler/pod/agent/gate/shared_scheduler.hpp"

namespace agent {

class Connection;

/// What memory is wanted for. When the gate holds much, the first of these finds no more room, then the second.
enum class Need {
  /// It can be done without: an answer that its reader does not take yet, a body that is kept for a second try.
  spare,
  /// A request with a body of more than 64 KiB.
  large_request,
  small_request,
};

/// What a connection needs of the loop that runs it.
class ConnectionHost {
 public:
  virtual ~ConnectionHost() = default;
  /// Watches a descriptor for epoll events; `server`: the side towards llama-server. With no events it is not watched
  /// at all, so that its end is not told either, and is new when it is watched again.
  virtual void watch(int descriptor, std::uint32_t events, Connection& connection, bool server, bool is_new) = 0;
  /// The connection waits for the decision on this ticket.
  virtual void expect(Scheduler::Ticket ticket, Connection& connection) = 0;
  /// It no longer does, or something ended: decisions may be due.
  virtual void forget(Scheduler::Ticket ticket) = 0;
  /// The whole answer is here. llama-server closes this connection a moment later, and only then has it done with the
  /// request: then the host closes `server` and the ticket leaves.
  virtual void see_off(int server, std::optional<Scheduler::Ticket> ticket) = 0;
  /// It is over, and is to be destroyed once no event is being handled.
  virtual void bury(Connection& connection) = 0;
  [[nodiscard]] virtual SharedScheduler& scheduler() = 0;
  [[nodiscard]] virtual base::SteadyTime now() const = 0;
  /// A non-blocking socket that connects to llama-server, or to the agent's own port; -1 when there is none.
  [[nodiscard]] virtual int connect(bool agent) = 0;
  [[nodiscard]] virtual std::size_t max_body_bytes() const = 0;
  /// A connection holds `now` bytes that count, where it held `before`.
  virtual void count_held(std::size_t before, std::size_t now) = 0;
  /// Whether all connections together hold little enough for this.
  [[nodiscard]] virtual bool has_room(Need need) const = 0;
  /// Every answer closes its connection from now on, so that clients go elsewhere.
  [[nodiscard]] virtual bool stopping() const = 0;
};

/// One client of the gate and its request in llama-server. It never blocks.
///
///              head complete        body complete             goes in            sent whole
///      head ─────────────────► body ──────────────► waiting ───────────► sending ──────────► answering
///       ▲                                                                                     │
///       └───────────────────────── answer delivered, keep-alive ──────────────────────────────┘
///
/// A request that met a model's dead process goes back from answering to waiting, once, if nothing went to the client.
/// From every state: a refusal or a bad request is answered (`closing`, when the connection cannot go on), and a client
/// that goes away ends the request in llama-server and its place in the queue.
class Connection {
 public:
  Connection(ConnectionHost& host, int client);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void on_client(std::uint32_t events);
  void on_server();
  void decided(const Scheduler::Decision& decision);
  /// Called about once a second.
  void tick();
  /// Tells the host what it holds by now; after each of the above.
  void count_held();
  /// Between two requests, with nothing of the next one here.
  [[nodiscard]] bool is_idle() const { return state_ == State::head && in_.empty() && out_.empty(); }
  /// Ends it whatever it does.
  void end();

 private:
  enum class State { head, body, waiting, sending, answering, closing };

  // Towards the client.
  void read_client();
  void pump();
  [[nodiscard]] bool take_head();
  void begin_body();
  [[nodiscard]] bool finds_room();
  void drop_body();
  void take_body(std::string_view bytes);
  void route();
  void respond_health();
  void queue(std::string_view model);
  void wait_for(Scheduler::Ticket ticket);
  void refuse(const Scheduler::Decision& decision);
  /// An error as OpenAI's clients and llama-server know it. `headers`: whole lines.
  void respond_error(int status, std::string_view message, std::string_view headers = {});
  void respond(int status, std::string_view body, std::string_view headers = {});
  void deliver(std::string_view bytes);
  void flush();
  void after_answer();
  void begin_closing();
  void watch_client();
  void set_deadline(std::chrono::milliseconds time);
  void delivered();

  // Towards llama-server.
  void go(bool agent);
  void send_request();
  [[nodiscard]] std::size_t output_room() const;
  void read_server();
  void consume(std::string_view bytes);
  [[nodiscard]] bool try_again();
  [[nodiscard]] bool may_be_failed_load(const net::ResponseHead& head) const;
  void take_answer_head(const net::ResponseHead& head);
  void take_answer_body(std::string prefix, std::string_view bytes);
  void server_ended();
  void close_server();
  void see_off_server();
  void watch_server();
  void leave();

  // `loadingSignal`: 200 and comments while a stream waits.
  void signal_loading();
  void deliver_chunk(std::string_view payload);
  void deliver_last_chunk();

  ConnectionHost& host_;
  int client_ = -1;
  int server_ = -1;
  State state_ = State::head;
  bool buried_ = false;
  std::uint32_t client_events_ = 0;
  std::uint32_t server_events_ = 0;
  std::optional<base::SteadyTime> deadline_;
  /// What the host was told.
  std::size_t counted_ = 0;

  // The request.
  std::string in_;
  /// So much of it holds no end of a head.
  std::size_t searched_ = 0;
  std::string head_;
  net::RequestHead request_;  // points into head_
  std::string body_;
  /// With so much of the body here its deadline is set anew.
  std::size_t body_due_ = 0;
  std::uint64_t body_left_ = 0;
  ChunkScanner body_chunks_;
  bool is_head_request_ = false;
  bool close_after_ = false;
  std::optional<Scheduler::Ticket> ticket_;
  std::optional<Scheduler::Ticket> undelivered_;
  /// It has not been tried twice, and all of it is still here.
  bool may_try_again_ = false;
  bool wants_signal_ = false;
  bool signalled_ = false;
  base::SteadyTime next_signal_;

  // What goes to llama-server.
  std::string to_server_;
  std::size_t sent_ = 0;

  // The answer.
  enum class Framing { none, length, chunked, until_close };
  bool answer_begun_ = false;
  std::string answer_head_;
  Framing framing_ = Framing::none;
  std::uint64_t answer_left_ = 0;
  ChunkScanner answer_chunks_;
  int status_ = 0;
  std::string out_;
  std::size_t out_at_ = 0;
  bool answer_complete_ = false;
  bool pumping_ = false;
};

}  // namespace agent
