/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages that carry descriptors over a Unix socket, as QEMU sends them. */
#ifndef SEND_FDS_H
#define SEND_FDS_H

#include <string.h>
#include <sys/socket.h>

#define SEND_FDS_MAX 32

/* What sendmsg() returns; flags as there. */
static ssize_t send_with_fds(int socket, const void *bytes, size_t n, const int *fds, size_t n_fds,
			     int flags)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * SEND_FDS_MAX)];
	} control = {0};
	struct iovec part = {.iov_base = (void *)bytes, .iov_len = n};
	struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
	struct cmsghdr *c;

	if (n_fds) {
		header.msg_control = &control;
		header.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		c = CMSG_FIRSTHDR(&header);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
	}
	return sendmsg(socket, &header, flags | MSG_NOSIGNAL);
}

#endif
