/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which hops a service has and where: see probe.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hgcm_svc.h"
#include "probe.h"
#include "survey.h"

static int fail(char **ret_message, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (vasprintf(ret_message, format, args) < 0)
		*ret_message = NULL;
	va_end(args);
	return err;
}

static struct probe_site *site_of(const struct probe_plan *plan, enum hop_kind kind)
{
	for (size_t i = 0; i < plan->n; i++)
		if (plan->sites[i].hop->kind == kind)
			return &plan->sites[i];
	return NULL;
}

static bool is_found(const struct probe_plan *plan, enum hop_kind kind)
{
	return site_of(plan, kind)->found;
}

/* By name, all of them. */
static int sites_find(struct probe_plan *plan, const struct symbols *symbols)
{
	plan->sites = calloc(n_hops, sizeof(*plan->sites));
	if (!plan->sites)
		return -ENOMEM;
	for (size_t i = 0; i < n_hops; i++) {
		struct probe_site *site = &plan->sites[plan->n];

		if (hops[i].profile != HOP_PROFILE_SFSERVICE)
			continue;
		site->hop = &hops[i];
		site->found = !symbols_find(symbols, hops[i].name, &site->symbol);
		plan->n_found += site->found;
		plan->n++;
	}
	return 0;
}

/* A hop that the survey knows better than the symbols do. */
static void site_take(struct probe_plan *plan, const struct symbols *symbols, enum hop_kind kind,
		      uint64_t address)
{
	struct probe_site *site = site_of(plan, kind);

	if (site->found || !address || symbols_at(symbols, address, &site->symbol))
		return;
	site->found = true;
	plan->n_found++;
}

/* The profile "virtualbox": what no symbol tells is found by loading the service. */
static int plan_survey(struct probe_plan *plan, const struct symbols *symbols, const char *service,
		       char **ret_message)
{
	struct survey survey;
	int err = survey_make(service, &survey, ret_message);

	if (err)
		return err;
	plan->profile = "virtualbox";
	plan->helpers = survey.helpers;
	site_take(plan, symbols, HOP_KIND_CALL, survey.call);
	site_take(plan, symbols, HOP_KIND_CONNECT, survey.connect);
	site_take(plan, symbols, HOP_KIND_DISCONNECT, survey.disconnect);
	site_take(plan, symbols, HOP_KIND_HOST_CALL, survey.host_call);
	err = symbols_find(symbols, VBOX_HGCM_SVCLOAD_NAME, &plan->entry);
	if (!err && is_found(plan, HOP_KIND_CALL))
		return 0;
	return fail(ret_message, -ENOENT, "%s: its functions are not in its file", service);
}

int probe_plan_make(const char *service, struct probe_plan *ret, char **ret_message)
{
	struct probe_plan plan = {.profile = "sfservice"};
	struct symbols *symbols = NULL;
	char *message = NULL;
	int err = symbols_open(service, &symbols, &message);

	if (err) {
		fail(ret_message, err, "cannot read the service %s",
		     message ? message : strerror(-err));
		free(message);
		return err;
	}
	err = sites_find(&plan, symbols);
	snprintf(plan.build_id, sizeof(plan.build_id), "%s", symbols_build_id(symbols));
	snprintf(plan.debug_file, sizeof(plan.debug_file), "%s", symbols_debug_file(symbols));
	if (!err && (!is_found(&plan, HOP_KIND_CALL) || !is_found(&plan, HOP_KIND_COMPLETE)))
		err = plan_survey(&plan, symbols, service, &message);
	if (err)
		fail(ret_message, err, "cannot find %s in the service: %s (see sftrace doctor)",
		     plan.n && is_found(&plan, HOP_KIND_CALL) ? "svcComplete" : "svcCall",
		     message ? message : strerror(-err));
	free(message);
	symbols_close(symbols);
	*ret = plan;
	return err;
}

void probe_plan_free(struct probe_plan *plan)
{
	free(plan->sites);
	memset(plan, 0, sizeof(*plan));
}
