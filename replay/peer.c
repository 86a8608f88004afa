/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Both processes are this program: records are structures as they are in memory. */
#include "peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct peer_answer {
	int64_t call_id;
	size_t size; /* of memory */
	bool made;
	int32_t status;
	uint64_t values[SHFL_MAX_PARMS];
	uint32_t sizes[SHFL_MAX_PARMS]; /* of each parameter's part of memory */
	uint8_t memory[];
};

static int peer_write(int fd, const void *data, size_t size)
{
	const uint8_t *at = data;

	while (size > 0) {
		ssize_t n = write(fd, at, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

static int peer_read(int fd, void *data, size_t size)
{
	uint8_t *at = data;

	while (size > 0) {
		ssize_t n = read(fd, at, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EPIPE;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

/* The memory of a parameter that the service has written, as far as it says. */
static const void *peer_result(const struct replay_call *call, unsigned i, uint32_t *ret_size)
{
	const struct shfl_parm_info *info = &call->info->parms[i];
	int count = shfl_parm_find(call->info, SHFL_ROLE_COUNT);
	const void *memory;

	if (!(info->direction & SHFL_DIR_OUT))
		return NULL;
	memory = replay_memory(call, i, ret_size);
	if (memory && count >= 0 &&
	    (info->role == SHFL_ROLE_DATA || info->role == SHFL_ROLE_LIST_BUFFER) &&
	    replay_value(call, (unsigned)count) < *ret_size)
		*ret_size = (uint32_t)replay_value(call, (unsigned)count);
	return memory;
}

static bool peer_has_results(const struct replay_call *call)
{
	return call->info && call->event.n_parms == call->info->n_parms;
}

int peer_send(struct peer *peer, const struct replay_call *call)
{
	struct peer_answer answer = {
		.call_id = call->event.call_id,
		.made = true,
		.status = call->status,
	};
	const void *memory[SHFL_MAX_PARMS] = {NULL};
	int ret;

	for (unsigned i = 0; peer_has_results(call) && i < call->info->n_parms; i++) {
		answer.values[i] = replay_value(call, i);
		memory[i] = peer_result(call, i, &answer.sizes[i]);
		if (!memory[i])
			answer.sizes[i] = 0;
		answer.size += answer.sizes[i];
	}
	ret = peer_write(peer->fd, &answer, sizeof(answer));
	for (unsigned i = 0; !ret && i < SHFL_MAX_PARMS; i++)
		ret = peer_write(peer->fd, memory[i], answer.sizes[i]);
	return ret;
}

int peer_send_left_out(struct peer *peer, int64_t call_id)
{
	const struct peer_answer answer = {.call_id = call_id};

	return peer_write(peer->fd, &answer, sizeof(answer));
}

static int peer_receive(struct peer *peer, struct peer_answer **ret)
{
	struct peer_answer head, *answer;
	int status = peer_read(peer->fd, &head, sizeof(head));

	if (status < 0)
		return status;
	answer = malloc(sizeof(*answer) + head.size);
	if (!answer)
		return -ENOMEM;
	*answer = head;
	status = peer_read(peer->fd, answer->memory, head.size);
	if (status < 0) {
		free(answer);
		return status;
	}
	*ret = answer;
	return 0;
}

/* Answers come in the order in which calls ended there. */
static int peer_find(struct peer *peer, int64_t call_id, struct peer_answer **ret)
{
	struct peer_answer *answer = map_take(&peer->early, (uint64_t)call_id);
	int status = 0;

	while (!answer && !status) {
		status = peer_receive(peer, &answer);
		if (status || answer->call_id == call_id)
			break;
		status = map_put(&peer->early, (uint64_t)answer->call_id, answer);
		if (status)
			free(answer);
		answer = NULL;
	}
	if (!status)
		*ret = answer;
	return status;
}

int peer_ask(struct peer *peer, const struct replay_call *call, struct replay_call *ret,
	     struct peer_answer **ret_answer)
{
	struct peer_answer *answer;
	uint8_t *memory;
	int status = peer_find(peer, call->event.call_id, &answer);

	if (status)
		return status;
	*ret = *call;
	ret->event.status = answer->status;
	memory = answer->memory;
	for (unsigned i = 0; peer_has_results(call) && i < call->info->n_parms; i++) {
		bool has = answer->sizes[i] > 0;

		ret->event.parms[i].out = answer->values[i];
		ret->out[i] = (struct payload){
			.data = has ? memory : NULL,
			.captured = answer->sizes[i],
			.length = answer->sizes[i],
		};
		memory += answer->sizes[i];
	}
	*ret_answer = answer;
	return answer->made;
}

void peer_done(struct peer_answer *answer)
{
	free(answer);
}

void peer_clear(struct peer *peer)
{
	map_clear(&peer->early, free);
}
