/* SPDX-License-Identifier: Apache-2.0
 *
 * vm_tools.Maitred's calls about the size of the stateful disk's file system. One resize at a time, by a worker, which
 * answers as soon as the kernel is about to begin:
 *
 *     IDLE ──ResizeFilesystem──> RUNNING ──refused, failed or done──> IDLE
 *                                   └──ResizeFilesystem: ALREADY_IN_PROGRESS
 */
#include "base/log.h"
#include "vm/guest/guest-service.h"
#include "vm/guest/volume.h"

/* ---- ResizeFilesystem ---- */

static bool begin(struct resizing *z, uint64_t size)
{
	pthread_mutex_lock(&z->lock);
	bool ok = !z->running;
	if (ok) {
		z->running = true;
		z->target = size;
	}
	pthread_mutex_unlock(&z->lock);
	return ok;
}

static void end(struct resizing *z)
{
	pthread_mutex_lock(&z->lock);
	z->running = false;
	pthread_mutex_unlock(&z->lock);
}

static void reply_status(struct grpc_call *call, VmTools__ResizeFilesystemResponse__Status status)
{
	VmTools__ResizeFilesystemResponse response = VM_TOOLS__RESIZE_FILESYSTEM_RESPONSE__INIT;
	response.status = status;
	grpc_reply(call, &response);
}

/* A disk that did not grow is FAILED, as maitred says it; what maitred does not know of is told in words. */
static void refuse(struct grpc_call *call, int r, const struct error *err)
{
	log_warn("the file system is not resized",
		 F_STR("error", r > 0 ? err->message : strerror(-r)));
	if (r == ERR_NO_SPACE)
		reply_status(call, VM_TOOLS__RESIZE_FILESYSTEM_RESPONSE__STATUS__FAILED);
	else
		grpc_reply_error(call, r, err);
}

static void resize_now(void *user)
{
	struct grpc_call *call = user;
	const VmTools__ResizeFilesystemRequest *request = grpc_call_request(call);
	struct guest *g = grpc_call_user(call);
	const uint64_t size = request->size; /* the request goes with the answer */
	struct volume v;
	struct error err;
	int r = volume_open(&v, &err);
	if (r == 0)
		r = volume_check(&v, size, &err);
	if (r) {
		end(&g->resizing); /* first: who is refused may ask again */
		volume_close(&v);
		refuse(call, r, &err);
		return;
	}
	reply_status(call, VM_TOOLS__RESIZE_FILESYSTEM_RESPONSE__STATUS__STARTED);
	r = volume_resize(&v, size);
	volume_close(&v);
	end(&g->resizing);
	if (r < 0)
		log_error("resizing the file system", F_STR("error", strerror(-r)));
	else
		log_info("the file system is resized", F_INT("bytes", (int64_t)size));
}

static void resize_filesystem(struct grpc_call *call)
{
	struct guest *g = grpc_call_user(call);
	const VmTools__ResizeFilesystemRequest *request = grpc_call_request(call);
	if (request->size == 0) {
		grpc_reply_status(call, GRPC_INVALID_ARGUMENT, "the size is missing");
	} else if (!begin(&g->resizing, request->size)) {
		reply_status(call,
			     VM_TOOLS__RESIZE_FILESYSTEM_RESPONSE__STATUS__ALREADY_IN_PROGRESS);
	} else if (!defer_to_worker(call, resize_now)) {
		end(&g->resizing);
	}
}

/* ---- how it goes, and how far it may ---- */

static void status_now(void *user)
{
	struct grpc_call *call = user;
	struct resizing *z = &((struct guest *)grpc_call_user(call))->resizing;
	VmTools__GetResizeStatusResponse response = VM_TOOLS__GET_RESIZE_STATUS_RESPONSE__INIT;
	struct volume v;
	struct error err;
	pthread_mutex_lock(&z->lock); /* before the size: what is over by then has its last size */
	response.resize_in_progress = z->running;
	response.target_size = z->target;
	pthread_mutex_unlock(&z->lock);
	int r = volume_open(&v, &err);
	response.current_size = v.size;
	if (response.target_size == 0) /* nobody asked for any */
		response.target_size = v.size;
	volume_close(&v);
	if (r)
		grpc_reply_error(call, r, &err);
	else
		grpc_reply(call, &response);
}

static void get_resize_status(struct grpc_call *call)
{
	(void)defer_to_worker(call, status_now);
}

static void bounds_now(void *user)
{
	struct grpc_call *call = user;
	VmTools__GetResizeBoundsResponse response = VM_TOOLS__GET_RESIZE_BOUNDS_RESPONSE__INIT;
	struct volume v;
	struct error err;
	int r = volume_open(&v, &err);
	response.minimum_size = v.minimum_size;
	volume_close(&v);
	if (r)
		grpc_reply_error(call, r, &err);
	else
		grpc_reply(call, &response);
}

static void get_resize_bounds(struct grpc_call *call)
{
	(void)defer_to_worker(call, bounds_now);
}

const struct grpc_method guest_resize_methods[] = {
	GUEST_METHOD("ResizeFilesystem", resize_filesystem_request, resize_filesystem_response,
		     resize_filesystem,
		     "begins to make the stateful disk's file system larger or smaller"),
	GUEST_METHOD("GetResizeStatus", empty_message, get_resize_status_response,
		     get_resize_status, "whether that goes on, and the size"),
	GUEST_METHOD("GetResizeBounds", empty_message, get_resize_bounds_response,
		     get_resize_bounds, "the least size"),
	{ .path = NULL },
};
