/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The service: LOCKs that wait, and how they end. */
#include <pthread.h>

#include "hgcm.h"
#include "service_driver.h"

TestSuite(service_lock, .fini = driver_finish, .timeout = 60);

#define EXCLUSIVE (SHFL_LOCK_EXCLUSIVE | SHFL_LOCK_WAIT)
#define SHARED (SHFL_LOCK_SHARED | SHFL_LOCK_WAIT)
#define OF_CLIENT 16 /* waits that one client may have */
#define OF_ALL 128

/* A client that has the file open. */
struct user {
	struct client *client;
	uint32_t root;
	uint64_t file;
};

static struct user holder, second, third;

static struct user user_of(const char *file)
{
	struct user user = {.client = linux_client(true)};

	user.root = map_share(user.client, "rw");
	user.file = open_handle(user.client, user.root, file, OPEN_OLD | RW);
	return user;
}

static int32_t lock(const struct user *user, uint64_t offset, uint64_t length, uint32_t flags)
{
	return CALL(user->client, SHFL_FN_LOCK, P32(user->root), P64(user->file), P64(offset),
		    P64(length), P32(flags));
}

static int32_t unlock(const struct user *user, uint64_t offset, uint64_t length)
{
	return lock(user, offset, length, SHFL_LOCK_CANCEL);
}

/* A LOCK that is not to end yet. */
static struct driver_call_state *wait_for(const struct user *user, uint64_t offset, uint64_t length,
					  uint32_t flags)
{
	cr_assert_eq(lock(user, offset, length, flags), NOT_COMPLETED);
	return last_call();
}

static bool is_locked(const struct user *user, uint64_t offset, uint64_t length)
{
	int32_t status = lock(user, offset, length, SHFL_LOCK_EXCLUSIVE);

	if (status == VINF_SUCCESS)
		unlock(user, offset, length);
	return status == VERR_FILE_LOCK_VIOLATION;
}

static void await(const struct driver_call_state *call)
{
	while (!call->completions)
		usleep(1000);
}

/* The holder has bytes 0 to 9. */
static void start(void)
{
	driver_start();
	host_file("rw/a", "12345");
	holder = user_of("/a");
	second = user_of("/a");
	third = user_of("/a");
	cr_assert_eq(lock(&holder, 0, 10, EXCLUSIVE), VINF_SUCCESS);
}

Test(service_lock, ends_when_it_is_free, .init = start)
{
	struct driver_call_state *call = wait_for(&second, 5, 10, EXCLUSIVE);

	cr_expect_eq(unlock(&holder, 0, 5), VINF_SUCCESS);
	cr_expect_eq(status_of(call), NOT_COMPLETED, "another range");
	cr_expect_eq(unlock(&holder, 5, 5), VINF_SUCCESS);
	cr_expect_eq(status_of(call), VINF_SUCCESS);
	cr_expect(is_locked(&holder, 5, 10));
	cr_expect_not(is_locked(&holder, 0, 5));
}

Test(service_lock, ends_when_less_is_locked, .init = start)
{
	struct driver_call_state *shared = wait_for(&second, 0, 1, SHARED);
	struct driver_call_state *exclusive = wait_for(&third, 1, 1, EXCLUSIVE);

	cr_expect_eq(lock(&holder, 0, 10, SHFL_LOCK_SHARED), VINF_SUCCESS);
	cr_expect_eq(status_of(shared), VINF_SUCCESS);
	cr_expect_eq(status_of(exclusive), NOT_COMPLETED);
}

Test(service_lock, ends_when_the_holder_closes, .init = start)
{
	struct driver_call_state *call = wait_for(&second, 0, ~0ull, EXCLUSIVE);

	cr_expect_eq(close_handle(holder.client, holder.root, holder.file), VINF_SUCCESS);
	cr_expect_eq(status_of(call), VINF_SUCCESS);
	cr_expect(is_locked(&third, 1000, 1));
}

Test(service_lock, ends_when_the_holder_is_gone, .init = start)
{
	struct driver_call_state *call = wait_for(&second, 0, 1, EXCLUSIVE);

	client_disconnect(holder.client);
	cr_expect_eq(status_of(call), VINF_SUCCESS);
}

Test(service_lock, one_gets_it_after_the_other, .init = start)
{
	struct driver_call_state *first = wait_for(&second, 0, 1, EXCLUSIVE);
	struct driver_call_state *next = wait_for(&third, 0, 1, EXCLUSIVE);

	unlock(&holder, 0, 10);
	cr_expect_eq(status_of(first), VINF_SUCCESS);
	cr_expect_eq(status_of(next), NOT_COMPLETED);
	unlock(&second, 0, 1);
	cr_expect_eq(status_of(next), VINF_SUCCESS);
}

static void host_lock(int file, short type)
{
	struct flock range = {.l_type = type, .l_whence = SEEK_SET};

	cr_assert_eq(fcntl(file, F_OFD_SETLK, &range), 0);
}

Test(service_lock, ends_when_another_process_unlocks, .init = start)
{
	int file = open(host_path("rw/a"), O_RDWR | O_CLOEXEC);
	struct driver_call_state *call;

	unlock(&holder, 0, 10);
	host_lock(file, F_WRLCK);
	call = wait_for(&second, 0, 1, SHARED);
	usleep(100000);
	cr_expect_eq(status_of(call), NOT_COMPLETED);
	host_lock(file, F_UNLCK);
	await(call);
	cr_expect_eq(status_of(call), VINF_SUCCESS);
	close(file);
}

Test(service_lock, cancelled, .init = start)
{
	struct driver_call_state *call = wait_for(&second, 0, 1, EXCLUSIVE);
	struct driver_call_state *other = wait_for(&second, 1, 1, EXCLUSIVE);

	cancel_call(second.client, call);
	cr_expect_eq(status_of(call), VERR_FILE_LOCK_VIOLATION);
	cr_expect_eq(status_of(other), NOT_COMPLETED);
	unlock(&holder, 0, 10);
	cr_expect_not(is_locked(&third, 0, 1), "got a lock that nobody waited for");
	cr_expect_eq(status_of(other), VINF_SUCCESS);
}

static atomic_bool completing;

static int complete_slowly(VBOXHGCMCALLHANDLE call, int32_t status)
{
	completing = true;
	usleep(100000);
	return driver_complete(call, status);
}

/* A LOCK of the second client's that the service's thread is just ending: it has it. */
static struct driver_call_state *wait_that_ends(void)
{
	int file = open(host_path("rw/a"), O_RDWR | O_CLOEXEC);
	struct driver_call_state *call;

	unlock(&holder, 0, 10);
	host_lock(file, F_WRLCK);
	call = wait_for(&second, 0, 1, EXCLUSIVE);
	driver_helpers.pfnCallComplete = complete_slowly;
	close(file);
	while (!completing)
		usleep(1000);
	return call;
}

/* Else its host would say that it failed, and the guest would have the lock. */
Test(service_lock, cancelled_while_it_ends, .init = start)
{
	struct driver_call_state *call = wait_that_ends();

	cancel_call(second.client, call);
	cr_expect_eq(status_of(call), VINF_SUCCESS);
	cr_expect(is_locked(&third, 0, 1));
}

Test(service_lock, disconnected_while_it_ends, .init = start)
{
	struct driver_call_state *call = wait_that_ends();

	client_disconnect(second.client);
	cr_expect_eq(status_of(call), VINF_SUCCESS, "ended after its client was gone");
}

/* The host says so, without telling: nothing is taken for nobody. */
Test(service_lock, cancelled_in_silence, .init = start)
{
	struct driver_call_state *call = wait_for(&second, 0, 1, EXCLUSIVE);

	call->cancelled = true;
	unlock(&holder, 0, 10);
	cr_expect_eq(status_of(call), VERR_FILE_LOCK_VIOLATION);
	cr_expect_not(is_locked(&third, 0, 1));
}

Test(service_lock, two_that_wait_for_each_other, .init = start)
{
	struct driver_call_state *call;

	cr_assert_eq(lock(&second, 10, 10, EXCLUSIVE), VINF_SUCCESS);
	wait_for(&second, 0, 1, EXCLUSIVE);
	call = wait_for(&holder, 10, 1, EXCLUSIVE);
	cancel_call(holder.client, call);
	cr_expect_eq(status_of(call), VERR_FILE_LOCK_VIOLATION);
	cr_expect_eq(unlock(&second, 10, 10), VINF_SUCCESS);
	cr_expect_not(is_locked(&holder, 10, 10));
}

Test(service_lock, disconnected, .init = start)
{
	struct driver_call_state *call = wait_for(&second, 0, 1, EXCLUSIVE);
	struct driver_call_state *other = wait_for(&third, 0, 1, EXCLUSIVE);

	client_disconnect(second.client);
	cr_expect_eq(status_of(call), VERR_CANCELLED);
	cr_expect_eq(status_of(other), NOT_COMPLETED);
	unlock(&holder, 0, 10);
	cr_expect_eq(status_of(other), VINF_SUCCESS);
}

/* Its own lock becoming free on the way is not what ends it. */
Test(service_lock, disconnected_who_waits_for_itself, .init = start)
{
	uint64_t again = open_handle(holder.client, holder.root, "/a", OPEN_OLD | RW);
	struct user same = {holder.client, holder.root, again};
	struct driver_call_state *call = wait_for(&same, 0, 1, EXCLUSIVE);

	client_disconnect(holder.client);
	cr_expect_eq(status_of(call), VERR_CANCELLED);
}

Test(service_lock, handle_closed, .init = start)
{
	uint64_t again = open_handle(second.client, second.root, "/a", OPEN_OLD | RW);
	struct user same = {second.client, second.root, again};
	struct driver_call_state *call = wait_for(&second, 0, 1, EXCLUSIVE);
	struct driver_call_state *other = wait_for(&same, 0, 1, EXCLUSIVE);

	cr_expect_eq(close_handle(second.client, second.root, second.file), VINF_SUCCESS);
	cr_expect_eq(status_of(call), VERR_CANCELLED);
	cr_expect_eq(status_of(other), NOT_COMPLETED);
	unlock(&holder, 0, 10);
	cr_expect_eq(status_of(other), VINF_SUCCESS);
}

Test(service_lock, unloaded)
{
	struct driver_call_state *call;
	FNVBOXHGCMSVCLOAD *load;

	start();
	load = (FNVBOXHGCMSVCLOAD *)dlsym(driver_module, VBOX_HGCM_SVCLOAD_NAME);
	call = wait_for(&second, 0, 1, EXCLUSIVE);
	cr_assert_eq(table.pfnUnload(NULL), VINF_SUCCESS);
	cr_expect_eq(status_of(call), VERR_CANCELLED);
	cr_assert_eq(load(&table), VINF_SUCCESS, "it does not start again");
}

Test(service_lock, asks_for_too_many, .init = start)
{
	struct user users[OF_ALL / OF_CLIENT + 1];
	struct driver_call_state *last = NULL;

	for (unsigned i = 0; i <= OF_ALL / OF_CLIENT; i++)
		users[i] = user_of("/a");
	for (unsigned i = 0; i < OF_CLIENT; i++)
		last = wait_for(&users[0], 0, 1, EXCLUSIVE);
	cr_expect_eq(lock(&users[0], 0, 1, EXCLUSIVE), VERR_OUT_OF_RESOURCES);
	cr_expect_eq(lock(&users[0], 0, 1, SHFL_LOCK_EXCLUSIVE), VERR_FILE_LOCK_VIOLATION);
	cancel_call(users[0].client, last);
	wait_for(&users[0], 0, 1, EXCLUSIVE);
	for (unsigned i = OF_CLIENT; i < OF_ALL; i++)
		wait_for(&users[i / OF_CLIENT], 0, 1, EXCLUSIVE);
	cr_expect_eq(lock(&users[OF_ALL / OF_CLIENT], 0, 1, EXCLUSIVE), VERR_OUT_OF_RESOURCES);
	client_disconnect(users[0].client);
	wait_for(&users[OF_ALL / OF_CLIENT], 0, 1, EXCLUSIVE);
}

#define FILES 16
#define RANGES 8192u /* that all together may have locked */

/* Each takes memory of the host's kernel. */
Test(service_lock, locks_too_many_ranges, .init = start)
{
	struct user users[FILES];
	char name[8];

	cr_assert_eq(unlock(&holder, 0, 10), VINF_SUCCESS);
	for (unsigned i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), "rw/%u", i);
		host_file(name, "");
		users[i] = user_of(name + 2);
	}
	for (unsigned i = 0; i < RANGES; i++)
		cr_assert_eq(lock(&users[i % FILES], 2ull * i, 1, SHFL_LOCK_SHARED), VINF_SUCCESS);
	cr_expect_eq(lock(&holder, 0, 1, SHFL_LOCK_SHARED), VERR_OUT_OF_RESOURCES);
	cr_expect_eq(unlock(&users[0], 0, 1), VINF_SUCCESS);
	cr_expect_eq(lock(&holder, 0, 1, SHFL_LOCK_SHARED), VINF_SUCCESS, "one was free");
	cr_expect_eq(lock(&holder, 2, 1, SHFL_LOCK_SHARED), VERR_OUT_OF_RESOURCES);
	client_disconnect(users[1].client);
	cr_expect_eq(lock(&holder, 2, 1, SHFL_LOCK_SHARED), VINF_SUCCESS);
}

/* Each in the middle makes two of one. */
Test(service_lock, unlocks_too_many_ranges, .init = start)
{
	unsigned refused = 0;

	cr_assert_eq(lock(&holder, 0, ~0ull, SHFL_LOCK_SHARED), VINF_SUCCESS);
	for (unsigned i = 0; i < 2 * RANGES + 10; i++)
		refused += unlock(&holder, 1 + 2ull * i, 1) == VERR_OUT_OF_RESOURCES;
	cr_expect_geq(refused, 10);
	cr_expect_leq(refused, 13);
	cr_expect_eq(close_handle(holder.client, holder.root, holder.file), VINF_SUCCESS);
	cr_expect_eq(lock(&second, 0, 1, SHFL_LOCK_SHARED), VINF_SUCCESS);
}

/* Who locks and unlocks for ever has none. */
Test(service_lock, counts_what_is_locked, .init = start)
{
	for (unsigned i = 0; i < 2 * RANGES; i++) {
		cr_assert_eq(lock(&second, 20, 1, SHFL_LOCK_SHARED), VINF_SUCCESS);
		cr_assert_eq(unlock(&second, 20, 1), VINF_SUCCESS);
	}
}

/* --- through the library that transports use ------------------------------ */

static struct hgcm_service *service;

static int32_t hgcm_lock(uint32_t client, uint64_t file, uint32_t flags, enum hgcm_wait wait)
{
	VBOXHGCMSVCPARM range[] = {P32(0), P64(file), P64(0), P64(1), P32(flags)};

	return hgcm_call(service, client, SHFL_FN_LOCK, 5, range, wait, NULL, NULL);
}

static uint32_t hgcm_user(uint64_t *ret_file)
{
	SHFLCREATEPARMS made = {.Handle = SHFL_HANDLE_NIL, .CreateFlags = OPEN_OR_CREATE | RW};
	VBOXHGCMSVCPARM map[] = {str8("rw"), P32(0), P32('/'), P32(1)};
	VBOXHGCMSVCPARM opened[] = {P32(0), str8("/a"), PBUF(&made, sizeof(made))};
	uint32_t client;

	cr_assert_eq(hgcm_connect(service, 0, &client), VINF_SUCCESS);
	hgcm_call(service, client, SHFL_FN_SET_UTF8, 0, NULL, HGCM_WAIT_ALWAYS, NULL, NULL);
	hgcm_call(service, client, SHFL_FN_MAP_FOLDER, 4, map, HGCM_WAIT_ALWAYS, NULL, NULL);
	hgcm_call(service, client, SHFL_FN_CREATE, 3, opened, HGCM_WAIT_ALWAYS, NULL, NULL);
	cr_assert_neq(made.Handle, SHFL_HANDLE_NIL);
	*ret_file = made.Handle;
	return client;
}

static void hgcm_start(char *dir)
{
	char *message;

	cr_assert_not_null(mkdtemp(dir));
	cr_assert_eq(hgcm_service_load(SFSERVICE_PATH, &service, &message), 0, "%s", message);
	cr_assert_eq(hgcm_add_share(service, "rw", dir, SHFL_ADD_MAPPING_F_WRITABLE, NULL),
		     VINF_SUCCESS);
}

static void hgcm_stop(const char *dir)
{
	char path[64];

	hgcm_service_unload(service);
	snprintf(path, sizeof(path), "%s/a", dir);
	unlink(path);
	rmdir(dir);
}

Test(service_lock, tries_once_where_nothing_can_wait)
{
	char dir[] = "/tmp/test_service_XXXXXX";
	uint64_t file, other_file;
	uint32_t client, other;

	hgcm_start(dir);
	client = hgcm_user(&file);
	other = hgcm_user(&other_file);
	cr_expect_eq(hgcm_lock(client, file, EXCLUSIVE, HGCM_WAIT_NEVER), VINF_SUCCESS);
	cr_expect_eq(hgcm_lock(other, other_file, EXCLUSIVE, HGCM_WAIT_NEVER),
		     VERR_FILE_LOCK_VIOLATION);
	cr_expect_eq(hgcm_lock(client, file, SHFL_LOCK_CANCEL, HGCM_WAIT_NEVER), VINF_SUCCESS);
	cr_expect_eq(hgcm_lock(client, file, EXCLUSIVE, HGCM_WAIT_NEVER), VINF_SUCCESS,
		     "somebody got it who had been refused");
	hgcm_stop(dir);
}

struct foreign {
	int file;
	atomic_bool stop;
};

static void *lock_and_unlock(void *argument)
{
	struct foreign *foreign = argument;

	while (!foreign->stop) {
		struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

		fcntl(foreign->file, F_OFD_SETLK, &range);
		usleep(500);
		range.l_type = F_UNLCK;
		fcntl(foreign->file, F_OFD_SETLK, &range);
		usleep(500);
	}
	return NULL;
}

/* Calls end on two threads, and each ends once. */
Test(service_lock, all_ways_at_once, .init = start)
{
	struct foreign foreign = {.file = open(host_path("rw/a"), O_RDWR | O_CLOEXEC)};
	pthread_t thread;

	unlock(&holder, 0, 10);
	pthread_create(&thread, NULL, lock_and_unlock, &foreign);
	for (unsigned i = 0; i < 100; i++) {
		struct driver_call_state *call[2];

		lock(&second, 0, 1, EXCLUSIVE);
		call[0] = last_call();
		lock(&third, 0, 1, EXCLUSIVE);
		call[1] = last_call();
		usleep(i % 30 * 100);
		if (i % 3 == 0)
			cancel_call(second.client, call[0]);
		unlock(&second, 0, 1);
		await(call[0]);
		unlock(&second, 0, 1);
		await(call[1]);
		unlock(&third, 0, 1);
		cr_assert_eq(call[0]->completions + call[1]->completions, 2);
	}
	foreign.stop = true;
	pthread_join(thread, NULL);
	close(foreign.file);
}
