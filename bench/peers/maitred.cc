// SPDX-License-Identifier: Apache-2.0
//
// vm_tools.Maitred's Mount and GetKernelVersion in gRPC C++, doing what the real one does (mount(2) with what was
// asked for): what bench/maitred.py compares reeve-guest with.
//
//   maitred serve ADDRESS            prints "ready ADDRESS"; ends on SIGTERM
//   maitred serve-async ADDRESS      the same through the callback API, which is the faster one
#include <grpcpp/grpcpp.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <sys/mount.h>
#include <sys/utsname.h>

#include "vm/proto/vm_guest.grpc.pb.h"

using vm_tools::EmptyMessage;
using vm_tools::GetKernelVersionResponse;
using vm_tools::Maitred;
using vm_tools::MountRequest;
using vm_tools::MountResponse;

static grpc::Status DoMount(const MountRequest &request, MountResponse *response) {
  int r = mount(request.source().c_str(), request.target().c_str(), request.fstype().c_str(), request.mountflags(),
                request.options().c_str());
  response->set_error(r < 0 ? errno : 0);
  return grpc::Status::OK;
}

static grpc::Status DoVersion(GetKernelVersionResponse *response) {
  struct utsname name;
  uname(&name);
  response->set_kernel_release(name.release);
  response->set_kernel_version(name.version);
  return grpc::Status::OK;
}

class Sync final : public Maitred::Service {
  grpc::Status Mount(grpc::ServerContext *, const MountRequest *request, MountResponse *response) override {
    return DoMount(*request, response);
  }
  grpc::Status GetKernelVersion(grpc::ServerContext *, const EmptyMessage *,
                                GetKernelVersionResponse *response) override {
    return DoVersion(response);
  }
};

class Async final : public Maitred::CallbackService {
  grpc::ServerUnaryReactor *Mount(grpc::CallbackServerContext *context, const MountRequest *request,
                                  MountResponse *response) override {
    auto *reactor = context->DefaultReactor();
    reactor->Finish(DoMount(*request, response));
    return reactor;
  }
  grpc::ServerUnaryReactor *GetKernelVersion(grpc::CallbackServerContext *context, const EmptyMessage *,
                                             GetKernelVersionResponse *response) override {
    auto *reactor = context->DefaultReactor();
    reactor->Finish(DoVersion(response));
    return reactor;
  }
};

static int Serve(grpc::Service *service, const std::string &address) {
  grpc::ServerBuilder builder;
  sigset_t set;
  int caught;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  builder.AddListeningPort(address, grpc::InsecureServerCredentials());
  builder.RegisterService(service);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (!server)
    return 1;
  std::printf("ready %s\n", address.c_str());
  std::fflush(stdout);
  sigwait(&set, &caught);
  server->Shutdown(std::chrono::system_clock::now());
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
  return 2;
}
