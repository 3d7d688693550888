// SPDX-License-Identifier: Apache-2.0
//
// The service of src/net/grpc/echo.proto in gRPC C++, and a client of it: an independent peer for the scenarios
// (tests/scenario/test_grpc_cpp.py), and what bench/grpc_unary.py compares us with.
//
//   grpc-echo serve ADDRESS          prints "ready ADDRESS"; ends on SIGTERM
//   grpc-echo serve-async ADDRESS    the same through the callback API, which is the faster one
//   grpc-echo call ADDRESS CALLS AT_ONCE [SIZE]
//                                    "COUNT CODE" for each different outcome, "wrong N"
#include <grpcpp/grpcpp.h>

#include <csignal>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <unistd.h>

#include "echo.grpc.pb.h"

using reeve::test::Echo;
using reeve::test::EchoReply;
using reeve::test::EchoRequest;

static grpc::Status Answer(const std::string &peer, const EchoRequest &request, EchoReply *reply) {
  if (request.code() != 0)
    return grpc::Status(static_cast<grpc::StatusCode>(request.code()), request.message());
  reply->set_text(request.text());
  reply->set_blob(request.reply_size() ? std::string(request.reply_size(), '\0') : request.blob());
  reply->set_peer(peer);
  if (request.delay_ms())
    usleep(request.delay_ms() * 1000);
  return grpc::Status::OK;
}

class Sync final : public Echo::Service {
  grpc::Status Say(grpc::ServerContext *context, const EchoRequest *request, EchoReply *reply) override {
    return Answer(context->peer(), *request, reply);
  }
  grpc::Status Never(grpc::ServerContext *context, const EchoRequest *, EchoReply *) override {
    while (!context->IsCancelled())
      usleep(1000);
    return grpc::Status::CANCELLED;
  }
};

class Async final : public Echo::CallbackService {
  grpc::ServerUnaryReactor *Say(grpc::CallbackServerContext *context, const EchoRequest *request,
                                EchoReply *reply) override {
    auto *reactor = context->DefaultReactor();
    reactor->Finish(Answer(context->peer(), *request, reply));
    return reactor;
  }
};

static int Serve(grpc::Service *service, const std::string &address) {
  grpc::ServerBuilder builder;
  int port = 0;
  sigset_t set;
  int caught;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port);
  builder.SetMaxReceiveMessageSize(1 << 28);
  builder.RegisterService(service);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (!server)
    return 1;
  if (address.rfind("unix:", 0) == 0)
    std::printf("ready %s\n", address.c_str());
  else
    std::printf("ready tcp:127.0.0.1:%d\n", port);
  std::fflush(stdout);
  sigwait(&set, &caught);
  server->Shutdown(std::chrono::system_clock::now());
  return 0;
}

struct Pending {
  grpc::ClientContext context;
  EchoReply reply;
  grpc::Status status;
  std::unique_ptr<grpc::ClientAsyncResponseReader<EchoReply>> reader;
};

static int Call(const std::string &address, long calls, long at_once, long size) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(1 << 28);
  auto stub = Echo::NewStub(grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
  grpc::CompletionQueue queue;
  EchoRequest request;
  std::map<int, long> outcomes;
  long begun = 0, ended = 0, wrong = 0;
  request.set_text("hello");
  request.set_blob(std::string(size, 'x'));
  auto begin = [&] {
    auto *p = new Pending;
    p->context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    p->reader = stub->AsyncSay(&p->context, request, &queue);
    p->reader->Finish(&p->reply, &p->status, p);
    begun++;
  };
  while (begun < at_once && begun < calls)
    begin();
  void *tag;
  bool ok;
  while (ended < calls && queue.Next(&tag, &ok)) {
    std::unique_ptr<Pending> p(static_cast<Pending *>(tag));
    ended++;
    outcomes[p->status.error_code()]++;
    if (p->status.ok() && (p->reply.text() != request.text() || p->reply.blob() != request.blob()))
      wrong++;
    if (begun < calls)
      begin();
  }
  for (auto &o : outcomes)
    std::printf("%ld %d\n", o.second, o.first);
  std::printf("wrong %ld\n", wrong);
  return 0;
}

int main(int argc, char *argv[]) {
  std::string what = argc > 2 ? argv[1] : "";
  if (what == "serve") {
    Sync service;
    return Serve(&service, argv[2]);
  }
  if (what == "serve-async") {
    Async service;
    return Serve(&service, argv[2]);
  }
  if (what == "call" && argc > 4)
    return Call(argv[2], std::stol(argv[3]), std::stol(argv[4]), argc > 5 ? std::stol(argv[5]) : 0);
  return 2;
}
