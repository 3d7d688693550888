/* SPDX-License-Identifier: Apache-2.0
 *
 * A whole connection of a server from bytes: HTTP/2 frames, headers, framing, messages, handlers. Whatever comes, what it
 * held is free again at the end. The client's preface is put before the input, so that it need not be found first.
 */
#include "net/grpc/testing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	testing_session((struct span){ data, size }, size);
	return 0;
}
