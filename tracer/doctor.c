/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "sftrace doctor": what the kernel can do, which hops of a service there are,
 * what a probe on each costs, and why one cannot be had.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "completion.h"
#include "doctor_guest.h"
#include "feature.h"
#include "probe.h"
#include "service_path.h"
#include "verbs.h"

/* ns for one hit, as measured: docs/performance.md. */
static const struct {
	const char *code;
	const char *cost;
} costs[] = {
	[SYMBOL_COST_NOP5] = {"5-byte nop", "205 ns"},
	[SYMBOL_COST_EMULATED] = {"1-byte nop or push", "440-500 ns"},
	[SYMBOL_COST_STEPPED] = {"other, single-stepped", "16000 ns"},
};

static void help(void)
{
	puts("Usage: sftrace doctor [--service FILE]\n"
	     "Says what can be recorded on this machine, at what cost, and why not.\n"
	     "\n"
	     "  --service FILE   the service's module (lib/sfservice.so of this sftrace)\n"
	     "\n"
	     "A service without symbols is loaded in a process of its own and looked into; the\n"
	     "function that ends its calls is then its host's, read from the memory of those\n"
	     "processes that use it. Separate debug files are looked for in /usr/lib/debug, or\n"
	     "in SFTRACE_DEBUG_FILES.\n"
	     "\n"
	     "Examples:\n"
	     "  sftrace doctor\n"
	     "  sftrace doctor --service /usr/lib/virtualbox/VBoxSharedFolders.so\n"
	     "\n"
	     "Exit status: 0 if calls can be recorded, 1 if not, 2 for wrong usage.");
}

static const char *why_not(const struct feature *feature, int err)
{
	/* Without the right to try it, nobody knows. */
	if (feature->needs_bpf && (feature_bpf() == -EPERM || feature_bpf() == -EACCES))
		return "no permission to find out: run as root";
	if (err == -EPERM || err == -EACCES)
		return "no permission: run as root";
	if (err == -EXDEV)
		return "in a PID namespace of its own";
	return err == -EOPNOTSUPP || err == -ENOENT ? "the kernel does not have it"
						    : strerror(-err);
}

/* Returns whether everything that is needed is there. */
static bool features_print(void)
{
	struct utsname name = {0};
	bool all = true;

	uname(&name);
	printf("Kernel %s\n", name.release);
	for (size_t i = 0; i < n_features; i++) {
		int err = features[i].check();

		printf("  %-4s %-18s %s\n",
		       !err		    ? "yes"
		       : features[i].needed ? "NO"
					    : "no",
		       features[i].name, features[i].purpose);
		if (err)
			printf("       %-18s %s\n", "", why_not(&features[i], err));
		all = all && !(err && features[i].needed);
	}
	return all;
}

static void cost_print(const struct symbol *symbol)
{
	enum symbol_cost cost = symbol_cost(symbol);

	for (int i = 0; i < 5; i++)
		printf("%02x ", symbol->code[i]);
	printf(" %-22s %s\n", costs[cost].code, costs[cost].cost);
}

/* A process that uses a service without symbols, and where it ends calls. */
static void completion_print(void *user, const struct completion *found)
{
	bool *any = user;
	struct symbol symbol = {.offset = found->offset};

	*any = true;
	printf("  %-24s 0x%-8llx ", "svcComplete", (unsigned long long)found->offset);
	if (symbols_peek(found->file, &symbol))
		puts("cannot be read");
	else
		cost_print(&symbol);
	printf("  %-24s in %s, process %d\n", "", found->name, found->pid);
}

static void completions_print(const char *service, const struct probe_plan *plan)
{
	bool any = false;

	printf("  No symbol tells where calls end: read from the host's memory (helpers at "
	       "0x%llx)\n",
	       (unsigned long long)plan->helpers);
	completion_each(service, plan->helpers, completion_print, &any);
	if (!any)
		puts("  No process uses the service: it is looked up in each that loads it");
}

static void site_print(const struct probe_site *site)
{
	const struct symbol *symbol = &site->symbol;

	printf("  %-24s ", site->hop->name);
	if (!site->found) {
		puts("no such symbol");
		return;
	}
	printf("0x%-8llx ", (unsigned long long)symbol->address);
	cost_print(symbol);
}

/* That a service has no names is said once, not for each hop. */
static bool is_worth_a_line(const struct probe_plan *plan, const struct probe_site *site)
{
	return site->found || (plan->n_found && !plan->helpers);
}

/* Returns whether calls to the service can be recorded. */
static bool hops_print(const char *service)
{
	struct probe_plan plan = {0};
	char *message = NULL;
	int err = probe_plan_make(service, &plan, &message);

	printf("\nService %s\n", service);
	if (*plan.build_id)
		printf("  build id %s\n", plan.build_id);
	if (*plan.debug_file)
		printf("  symbols in %s\n", plan.debug_file);
	if (!err)
		printf("  profile %s\n", plan.profile);
	if (plan.n)
		printf("  %zu of %zu hops\n  %-24s %-10s %-15s  %-22s %s\n", plan.n_found, plan.n,
		       "hop", "address", "first bytes", "instruction", "cost of a hit");
	for (size_t i = 0; i < plan.n; i++)
		if (is_worth_a_line(&plan, &plan.sites[i]))
			site_print(&plan.sites[i]);
	if (!err && plan.helpers)
		completions_print(service, &plan);
	if (err) {
		printf("  %s\n", message ? message : strerror(-err));
	}
	free(message);
	probe_plan_free(&plan);
	return !err;
}

int verb_doctor(int argc, char **argv)
{
	static const struct option options[] = {
		{"service", required_argument, NULL, 's'}, {"help", no_argument, NULL, 'h'}, {0}};
	const char *given = NULL;
	char *service;
	bool good;
	int option;

	optind = 1;
	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == 'h') {
			help();
			return SFTRACE_OK;
		}
		if (option == '?')
			return SFTRACE_USAGE;
		given = optarg;
	}
	if (optind < argc) {
		fprintf(stderr, "sftrace: doctor: %s is too much; see sftrace doctor --help\n",
			argv[optind]);
		return SFTRACE_USAGE;
	}
	service = service_path(given);
	if (!service) {
		fputs("sftrace: out of memory\n", stderr);
		return SFTRACE_FAILED;
	}
	probe_quiet();
	good = features_print();
	good = hops_print(service) && good;
	puts("\nSystem calls as hops cost every process on this machine: each of their system\n"
	     "calls then runs two programs. --no-syscalls leaves them out.");
	doctor_guest_print();
	free(service);
	puts(good ? "\nCalls to this service can be recorded."
		  : "\nCalls to this service cannot be recorded: see above.");
	return good ? SFTRACE_OK : SFTRACE_FAILED;
}
