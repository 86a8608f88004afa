// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Mount options.
 */
#include <linux/cred.h>
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include "sf.h"

#define TTL_DEFAULT_MS 1000

enum sf_parameter {
	PARAMETER_UID,
	PARAMETER_GID,
	PARAMETER_UMASK,
	PARAMETER_DMODE,
	PARAMETER_FMODE,
	PARAMETER_DMASK,
	PARAMETER_FMASK,
	PARAMETER_TTL,
	PARAMETER_CACHE,
	PARAMETER_LOCK,
	PARAMETER_CHARSET,
	PARAMETER_TAG,
};

static const struct constant_table cache_modes[] = {
	{ "none", SF_CACHE_NONE },
	{ "strict", SF_CACHE_STRICT },
	{ "writeback", SF_CACHE_WRITEBACK },
	{}
};

static const struct constant_table lock_modes[] = {
	{ "local", SF_LOCK_LOCAL },
	{ "host", SF_LOCK_HOST },
	{}
};

const struct fs_parameter_spec sf_parameters[] = {
	fsparam_u32("uid", PARAMETER_UID),
	fsparam_u32("gid", PARAMETER_GID),
	fsparam_u32oct("umask", PARAMETER_UMASK),
	fsparam_u32oct("dmode", PARAMETER_DMODE),
	fsparam_u32oct("fmode", PARAMETER_FMODE),
	fsparam_u32oct("dmask", PARAMETER_DMASK),
	fsparam_u32oct("fmask", PARAMETER_FMASK),
	fsparam_u32("ttl", PARAMETER_TTL),
	fsparam_enum("cache", PARAMETER_CACHE, cache_modes),
	fsparam_enum("lock", PARAMETER_LOCK, lock_modes),
	fsparam_string("iocharset", PARAMETER_CHARSET),
	fsparam_string("nls", PARAMETER_CHARSET),
	fsparam_string("tag", PARAMETER_TAG),
	{}
};

static int set_uid(struct sf_options *options, struct fs_context *context, u32 value)
{
	options->uid = make_kuid(context->user_ns, value);
	return uid_valid(options->uid) ? 0 : invalf(context, "sf: uid=%u: no such user here", value);
}

static int set_gid(struct sf_options *options, struct fs_context *context, u32 value)
{
	options->gid = make_kgid(context->user_ns, value);
	return gid_valid(options->gid) ? 0 : invalf(context, "sf: gid=%u: no such group here",
						    value);
}

static int set_mode(struct fs_context *context, const char *name, umode_t *mode, u32 value)
{
	if (value & ~0777)
		return invalf(context, "sf: %s=%o: more than 0777", name, value);
	*mode = value;
	return 0;
}

static int set_masks(struct sf_options *options, struct fs_context *context, u32 value)
{
	int ret = set_mode(context, "umask", &options->dmask, value);

	options->fmask = options->dmask;
	return ret;
}

static void set_string(char **target, struct fs_parameter *parameter)
{
	kfree(*target);
	*target = parameter->string;
	parameter->string = NULL;
}

/* The one that says nothing else than what is done anyway is not kept. */
static void set_charset(struct sf_options *options, struct fs_parameter *parameter)
{
	set_string(&options->charset, parameter);
	if (!strcasecmp(options->charset, "utf8") || !strcasecmp(options->charset, "utf-8")) {
		kfree(options->charset);
		options->charset = NULL;
	}
}

/* Names in the caches are in the one that the mount has. */
static int check_charset(struct fs_context *context, const struct sf_options *wanted)
{
	const char *now = sf_share(context->root->d_sb)->options.charset ?: "";

	if (!strcmp(now, wanted->charset ?: ""))
		return 0;
	return invalf(context, "sf: iocharset cannot be changed by a remount");
}

static int set_number(struct sf_options *options, struct fs_context *context, int option,
		      u32 value)
{
	switch (option) {
	case PARAMETER_UID:
		return set_uid(options, context, value);
	case PARAMETER_GID:
		return set_gid(options, context, value);
	case PARAMETER_UMASK:
		return set_masks(options, context, value);
	case PARAMETER_DMODE:
		return set_mode(context, "dmode", &options->dmode, value);
	case PARAMETER_FMODE:
		return set_mode(context, "fmode", &options->fmode, value);
	case PARAMETER_DMASK:
		return set_mode(context, "dmask", &options->dmask, value);
	case PARAMETER_FMASK:
		return set_mode(context, "fmask", &options->fmask, value);
	case PARAMETER_CACHE:
		options->cache = value;
		return 0;
	default: /* PARAMETER_LOCK */
		options->lock = value;
		return 0;
	}
}

static int sf_parse_param(struct fs_context *context, struct fs_parameter *parameter)
{
	struct sf_share *share = context->s_fs_info;
	struct fs_parse_result result;
	int option = fs_parse(context, sf_parameters, parameter, &result);

	switch (option) {
	case PARAMETER_CHARSET:
		set_charset(&share->options, parameter);
		if (context->purpose == FS_CONTEXT_FOR_RECONFIGURE)
			return check_charset(context, &share->options);
		return 0;
	case PARAMETER_TAG:
		set_string(&share->options.tag, parameter);
		return 0;
	case PARAMETER_TTL:
		share->options.ttl_ms = min_t(u32, result.uint_32, INT_MAX / 2);
		return 0;
	}
	return option < 0 ? option : set_number(&share->options, context, option, result.uint_32);
}

static void sf_free_context(struct fs_context *context)
{
	sf_share_free(context->s_fs_info);
}

static const struct fs_context_operations context_operations = {
	.parse_param = sf_parse_param,
	.get_tree = sf_get_tree,
	.reconfigure = sf_reconfigure,
	.free = sf_free_context,
};

static void set_defaults(struct sf_options *options)
{
	options->uid = current_uid();
	options->gid = current_gid();
	options->dmode = SF_MODE_UNSET;
	options->fmode = SF_MODE_UNSET;
	options->ttl_ms = TTL_DEFAULT_MS;
	options->cache = SF_CACHE_STRICT;
}

int sf_init_fs_context(struct fs_context *context)
{
	struct sf_share *share = kzalloc(sizeof(*share), GFP_KERNEL);

	if (!share)
		return -ENOMEM;
	spin_lock_init(&share->handles_lock);
	INIT_LIST_HEAD(&share->handles);
	INIT_LIST_HEAD(&share->unsynced);
	set_defaults(&share->options);
	if (context->purpose == FS_CONTEXT_FOR_RECONFIGURE) {
		share->options = sf_share(context->root->d_sb)->options;
		/* these two stay the mount's own */
		share->options.charset = NULL;
		share->options.tag = NULL;
	}
	context->s_fs_info = share;
	context->ops = &context_operations;
	return 0;
}

static void show_mode(struct seq_file *out, const char *name, umode_t mode, umode_t silent)
{
	if (mode != silent)
		seq_printf(out, ",%s=0%o", name, mode);
}

int sf_show_options(struct seq_file *out, struct dentry *root)
{
	const struct sf_options *options = &sf_share(root->d_sb)->options;

	seq_printf(out, ",uid=%u,gid=%u", from_kuid_munged(&init_user_ns, options->uid),
		   from_kgid_munged(&init_user_ns, options->gid));
	show_mode(out, "dmode", options->dmode, SF_MODE_UNSET);
	show_mode(out, "fmode", options->fmode, SF_MODE_UNSET);
	show_mode(out, "dmask", options->dmask, 0);
	show_mode(out, "fmask", options->fmask, 0);
	seq_printf(out, ",ttl=%u,cache=%s,lock=%s", options->ttl_ms,
		   cache_modes[options->cache].name, lock_modes[options->lock].name);
	if (options->charset)
		seq_show_option(out, "iocharset", options->charset);
	if (options->tag)
		seq_show_option(out, "tag", options->tag);
	return 0;
}
