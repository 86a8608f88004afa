/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looking into a service by loading it: see survey.h. */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hgcm_svc.h"
#include "survey.h"
#include "vbox_status.h"

#define TIMEOUT_MS 5000 /* for a service to load */

/* What the child says: a survey, or what went wrong. */
struct answer {
	struct survey survey;
	char problem[200]; /* "": nothing */
};

/* The host that the service sees. It is never called by one that only loads. */

static int never_complete(VBOXHGCMCALLHANDLE call, int32_t status)
{
	(void)call;
	return status;
}

static int never_disconnect(void *instance, uint32_t client)
{
	(void)instance, (void)client;
	return VINF_SUCCESS;
}

static bool never(VBOXHGCMCALLHANDLE call)
{
	(void)call;
	return false;
}

static int stam_register(void *instance, void *sample, int type, int visibility, int unit,
			 const char *desc, const char *name_format, va_list args)
{
	(void)instance, (void)sample, (void)type, (void)visibility, (void)unit, (void)desc;
	(void)name_format, (void)args;
	return VINF_SUCCESS;
}

static int stam_deregister(void *instance, const char *pattern_format, va_list args)
{
	(void)instance, (void)pattern_format, (void)args;
	return VINF_SUCCESS;
}

static int info_register(void *instance, const char *name, const char *desc, void *handler,
			 void *user)
{
	(void)instance, (void)name, (void)desc, (void)handler, (void)user;
	return VINF_SUCCESS;
}

static int info_deregister(void *instance, const char *name)
{
	(void)instance, (void)name;
	return VINF_SUCCESS;
}

static uint32_t requestor(VBOXHGCMCALLHANDLE call)
{
	(void)call;
	return 0;
}

static uint64_t session(void *instance)
{
	(void)instance;
	return 1;
}

static VBOXHGCMSVCHELPERS helpers = {
	.pfnCallComplete = never_complete,
	.pfnDisconnectClient = never_disconnect,
	.pfnIsCallRestored = never,
	.pfnIsCallCancelled = never,
	.pfnStamRegisterV = stam_register,
	.pfnStamDeregisterV = stam_deregister,
	.pfnInfoRegister = info_register,
	.pfnInfoDeregister = info_deregister,
	.pfnGetRequestor = requestor,
	.pfnGetVMMDevSessionId = session,
};

/* The service's module in memory. */
struct module {
	const char *base;
	uint64_t bias; /* what addresses as linked were moved by */
	const Elf64_Phdr *segments;
	size_t n;
};

/* ENTRY is its one export. The file's first page is in memory: so are its headers. */
static int module_find(const void *entry, struct module *ret)
{
	const Elf64_Ehdr *header;
	Dl_info info;

	if (!dladdr(entry, &info) || !info.dli_fbase)
		return -ENOENT;
	header = info.dli_fbase;
	ret->base = info.dli_fbase;
	ret->segments = (const Elf64_Phdr *)(ret->base + header->e_phoff);
	ret->n = header->e_phnum;
	for (size_t i = 0; i < ret->n; i++) {
		if (ret->segments[i].p_type != PT_LOAD)
			continue;
		ret->bias = (uintptr_t)ret->base - (ret->segments[i].p_vaddr & ~4095ull);
		return 0;
	}
	return -ENOEXEC;
}

/* As linked; 0: not one of the module's own functions. */
static uint64_t function_address(const struct module *module, const void *function)
{
	uint64_t address = (uintptr_t)function - module->bias;

	for (size_t i = 0; i < module->n; i++) {
		const Elf64_Phdr *segment = &module->segments[i];

		if (segment->p_type == PT_LOAD && segment->p_flags & PF_X &&
		    address - segment->p_vaddr < segment->p_filesz)
			return address;
	}
	return 0;
}

/*
 * Where the module keeps the address of our helpers; 0: nowhere. All of its
 * memory is looked at, what lies between its variables as well.
 */
__attribute__((no_sanitize("address"))) static uint64_t helpers_find(const struct module *module)
{
	for (size_t i = 0; i < module->n; i++) {
		const Elf64_Phdr *segment = &module->segments[i];
		uint64_t from = (segment->p_vaddr + 7) & ~7ull;

		if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_W))
			continue;
		for (; from + 8 <= segment->p_vaddr + segment->p_memsz; from += 8)
			if (*(const uint64_t *)(uintptr_t)(module->bias + from) ==
			    (uintptr_t)&helpers)
				return from;
	}
	return 0;
}

static void problem(struct answer *answer, const char *what, const char *more)
{
	snprintf(answer->problem, sizeof(answer->problem), "%s%s", what, more);
}

static void look_into(const void *entry, const VBOXHGCMSVCFNTABLE *table, struct answer *answer)
{
	struct survey *survey = &answer->survey;
	struct module module = {0};

	if (module_find(entry, &module)) {
		problem(answer, "cannot be found in memory", "");
		return;
	}
	survey->call = function_address(&module, (const void *)table->pfnCall);
	survey->connect = function_address(&module, (const void *)table->pfnConnect);
	survey->disconnect = function_address(&module, (const void *)table->pfnDisconnect);
	survey->host_call = function_address(&module, (const void *)table->pfnHostCall);
	survey->helpers = helpers_find(&module);
	if (!survey->call)
		problem(answer, "names no function of its own that is called", "");
	else if (!survey->helpers)
		problem(answer, "does not keep the host's helpers in a variable of its own", "");
}

static void load(const char *service, struct answer *answer)
{
	VBOXHGCMSVCFNTABLE table = {
		.cbSize = sizeof(table), .u32Version = VBOX_HGCM_SVC_VERSION, .pHelpers = &helpers};
	FNVBOXHGCMSVCLOAD *entry;
	void *handle = dlopen(service, RTLD_NOW | RTLD_LOCAL);
	char text[32];
	int status;

	if (!handle) {
		problem(answer, "cannot be loaded: ", dlerror());
		return;
	}
	entry = (FNVBOXHGCMSVCLOAD *)dlsym(handle, VBOX_HGCM_SVCLOAD_NAME);
	if (!entry) {
		problem(answer, "is no HGCM service: it has no ", VBOX_HGCM_SVCLOAD_NAME);
		return;
	}
	status = entry(&table);
	snprintf(text, sizeof(text), "%d", status);
	if (VBOX_FAILURE(status))
		problem(answer, "refuses to load with status ", text);
	else
		look_into((const void *)(uintptr_t)entry, &table, answer);
}

/* Never returns, and runs nothing that the service may have left to run at exit. */
static void child_run(const char *service, int answers)
{
	const struct rlimit no_core = {0};
	struct answer answer = {0};
	int null = open("/dev/null", O_RDWR);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setrlimit(RLIMIT_CORE, &no_core);
	for (int fd = 0; fd < 3 && null >= 0; fd++)
		dup2(null, fd);
	load(service, &answer);
	_exit(write(answers, &answer, sizeof(answer)) == sizeof(answer) ? 0 : 1);
}

/* Bytes of an answer that came in time. */
static ssize_t answer_wait(int answers, struct answer *answer)
{
	struct pollfd poll_fd = {.fd = answers, .events = POLLIN};
	int n;

	do
		n = poll(&poll_fd, 1, TIMEOUT_MS);
	while (n < 0 && errno == EINTR);
	return n > 0 ? read(answers, answer, sizeof(*answer)) : -ETIME;
}

/* What became of the child, unless it answered as it should. */
static const char *outcome(ssize_t n, int status, const struct answer *answer, char text[64])
{
	if (n == (ssize_t)sizeof(*answer))
		return *answer->problem ? answer->problem : NULL;
	if (n == -ETIME)
		return "hangs while it is loaded";
	if (WIFSIGNALED(status))
		snprintf(text, 64, "crashes while it is loaded: %s", strsignal(WTERMSIG(status)));
	else
		snprintf(text, 64, "ends the process that loads it");
	return text;
}

static int fail(char **ret_message, int err, const char *service, const char *what)
{
	if (asprintf(ret_message, "%s %s", service, what) < 0)
		*ret_message = NULL;
	return err;
}

int survey_make(const char *service, struct survey *ret, char **ret_message)
{
	char *path = realpath(service, NULL), text[64];
	struct answer answer = {0};
	int fds[2], status = 0, err = 0;
	const char *what;
	ssize_t n;
	pid_t pid;

	if (!path || pipe2(fds, O_CLOEXEC)) {
		err = -errno;
		free(path);
		return fail(ret_message, err, service, strerror(-err));
	}
	pid = fork();
	if (pid == 0)
		child_run(path, fds[1]);
	close(fds[1]);
	n = pid > 0 ? answer_wait(fds[0], &answer) : -errno;
	close(fds[0]);
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
	answer.problem[sizeof(answer.problem) - 1] = '\0';
	what = outcome(n, status, &answer, text);
	if (what)
		err = fail(ret_message, n == -ETIME ? -ETIME : -ENOEXEC, service, what);
	else
		*ret = answer.survey;
	free(path);
	return err;
}
