/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls of the service with any parameters, in any order. The input is a list of
 * calls; each parameter is made by its role from a few bytes, so that calls get
 * beyond the checks, and now and then from nothing but bytes.
 */
#include <dlfcn.h>
#include <stdatomic.h>

#include "fuzz.h"
#include "hgcm_svc.h"
#include "shfl.h"
#include "shfl_table.h"

#define MAX_CALLS 24
#define MAX_SETUP_CALLS 6
#define ODD 0xee /* a byte that asks for something unusual */

static VBOXHGCMSVCFNTABLE table;
static void *clients[2];
static void *memory[(MAX_CALLS + MAX_SETUP_CALLS) * 32];
static unsigned n_memory;

/* A call handle points to one of these; each is to end once, by the end of the input. */
static struct call {
	atomic_uint completions;
	atomic_bool cancelled;
	unsigned client;
} calls[MAX_CALLS + MAX_SETUP_CALLS];
static unsigned n_calls;

static int complete(VBOXHGCMCALLHANDLE call, int32_t status)
{
	(void)status;
	((struct call *)call)->completions++;
	return 0;
}

static bool is_cancelled(VBOXHGCMCALLHANDLE call)
{
	return ((struct call *)call)->cancelled;
}

static VBOXHGCMSVCHELPERS helpers = {
	.pfnCallComplete = complete,
	.pfnIsCallCancelled = is_cancelled,
};

/* Memory of exactly this size, until the input has been run. */
static void *room(size_t bytes)
{
	void *made = calloc(1, bytes ? bytes : 1);

	if (!made || n_memory == sizeof(memory) / sizeof(memory[0]))
		abort();
	memory[n_memory++] = made;
	return made;
}

/* The parameters stay for as long as the call may wait. */
static void make_call(unsigned client, uint32_t fn, unsigned n, const VBOXHGCMSVCPARM *parms)
{
	VBOXHGCMSVCPARM *kept = room(n * sizeof(*kept));
	struct call *call = &calls[n_calls++];

	if (n)
		memcpy(kept, parms, n * sizeof(*kept));
	*call = (struct call){.client = client};
	table.pfnCall(NULL, (VBOXHGCMCALLHANDLE)call, 1 + client, clients[client], fn, n, kept, 0);
}

/* Ended or not. */
static void cancel_call(struct input *input)
{
	struct call *call = &calls[n_calls - 1 - take_uint8(input) % n_calls];

	call->cancelled = true;
	table.pfnCancelled(NULL, 1 + call->client, clients[call->client]);
	if (!call->completions)
		abort();
}

static void check_calls(void)
{
	while (n_calls)
		if (calls[--n_calls].completions != 1)
			abort();
}

static VBOXHGCMSVCPARM pointer(void *address, size_t bytes)
{
	return (VBOXHGCMSVCPARM){
		.type = VBOX_HGCM_SVC_PARM_PTR,
		.u.pointer = {.size = (uint32_t)bytes, .addr = address},
	};
}

static VBOXHGCMSVCPARM bytes_parm(struct input *input, size_t bytes)
{
	void *made = room(bytes);

	take(input, made, bytes < 128 ? bytes : 128);
	return pointer(made, bytes);
}

static size_t text_of(struct input *input, uint8_t choice, char *text, size_t size)
{
	static const char *const texts[] = {
		"/f",	     "/d/g",	   "/d",	 "/d/e/mixed", "/out",	"/outdir/secret",
		"/outdir",   "/dirlink/g", "/in",	 "/fifo",      "/new",	"/d/new",
		"/..",	     "/d/../f",	   "../share/f", "",	       "/",	"/d/",
		"/out/",     "/d/*",	   "/f/x",	 "share",      "other", "../outside/secret",
		"/outdir/n",
	};
	size_t length;

	if (choice < sizeof(texts) / sizeof(texts[0])) {
		strcpy(text, texts[choice]);
		return strlen(text);
	}
	length = choice % size;
	take(input, text, length);
	return length;
}

static VBOXHGCMSVCPARM string_parm(struct input *input)
{
	char text[256];
	size_t length = text_of(input, take_uint8(input), text, sizeof(text));
	uint8_t *bytes = room(SHFLSTRING_HEADER_SIZE + length + 1);
	SHFLSTRING header = {.u16Size = (uint16_t)(length + 1), .u16Length = (uint16_t)length};

	if (take_uint8(input) == ODD)
		take(input, &header, SHFLSTRING_HEADER_SIZE);
	memcpy(bytes, &header, SHFLSTRING_HEADER_SIZE);
	memcpy(bytes + SHFLSTRING_HEADER_SIZE, text, length);
	return pointer(bytes, SHFLSTRING_HEADER_SIZE + length + 1);
}

static VBOXHGCMSVCPARM out_string_parm(struct input *input)
{
	size_t size = take_uint8(input);
	uint8_t *bytes = room(SHFLSTRING_HEADER_SIZE + size);
	uint16_t stored = (uint16_t)size;

	memcpy(bytes, &stored, sizeof(stored));
	return pointer(bytes, SHFLSTRING_HEADER_SIZE + size);
}

static VBOXHGCMSVCPARM create_parm(struct input *input)
{
	SHFLCREATEPARMS *made = room(sizeof(*made));

	made->Handle = SHFL_HANDLE_NIL;
	made->CreateFlags = take_uint16(input) | (uint32_t)(take_uint8(input) & 7) << 16;
	made->Info.Attr.fMode = take_uint32(input);
	made->Info.cbObject = take_uint16(input);
	return pointer(made, sizeof(*made));
}

static VBOXHGCMSVCPARM data_parm(struct input *input, uint32_t count)
{
	uint8_t kind = take_uint8(input);
	unsigned n;
	void **pages;

	if (kind != ODD)
		return bytes_parm(input, kind & 0x80 ? kind : count & 0xffff);
	n = take_uint8(input) % 20;
	pages = room(n * sizeof(*pages));
	for (unsigned i = 0; i < n; i++) {
		memory[n_memory] = aligned_alloc(4096, 4096);
		memset(memory[n_memory], 0, 4096);
		pages[i] = (uint8_t *)memory[n_memory++] + (i ? 0 : take_uint16(input) % 4096);
	}
	return (VBOXHGCMSVCPARM){
		.type = VBOX_HGCM_SVC_PARM_PAGES,
		.u.Pages = {.cb = take_uint32(input), .cPages = (uint16_t)n, .papvPages = pages},
	};
}

static uint64_t number(struct input *input, uint8_t role)
{
	uint8_t byte = take_uint8(input);

	if (byte == ODD)
		return take_uint64(input);
	switch (role) {
	case SHFL_ROLE_DELIMITER:
		return byte & 0x80 ? '\\' : '/';
	case SHFL_ROLE_ROOT:
		return byte % 4;
	case SHFL_ROLE_COUNT:
		return byte * 257u;
	case SHFL_ROLE_HANDLE:
		return byte == 0xff ? SHFL_HANDLE_NIL : byte % 16;
	}
	return byte;
}

static VBOXHGCMSVCPARM number_parm(struct input *input, const struct shfl_parm_info *info)
{
	uint64_t value = number(input, info->role);

	if (info->kind == SHFL_KIND_32BIT)
		return (VBOXHGCMSVCPARM){.type = VBOX_HGCM_SVC_PARM_32BIT,
					 .u.uint32 = (uint32_t)value};
	return (VBOXHGCMSVCPARM){.type = VBOX_HGCM_SVC_PARM_64BIT, .u.uint64 = value};
}

static VBOXHGCMSVCPARM parm(struct input *input, const struct shfl_parm_info *info,
			    const VBOXHGCMSVCPARM *before)
{
	switch (info->role) {
	case SHFL_ROLE_PATTERN:
		if (take_uint8(input) & 1)
			return pointer(NULL, 0);
		/* fall through */
	case SHFL_ROLE_PATH:
	case SHFL_ROLE_TARGET:
		return string_parm(input);
	case SHFL_ROLE_NAME:
		return info->direction == SHFL_DIR_IN ? string_parm(input) : out_string_parm(input);
	case SHFL_ROLE_CREATE_PARMS:
		return create_parm(input);
	case SHFL_ROLE_DATA:
		return data_parm(input, before[-1].u.uint32);
	case SHFL_ROLE_LIST_BUFFER:
		return bytes_parm(input, before[-2].u.uint32 & 0xffff);
	case SHFL_ROLE_INFO_BUFFER:
		return bytes_parm(input, before[-1].u.uint32 & 0xffff);
	case SHFL_ROLE_OBJ_INFO:
		return bytes_parm(input, sizeof(SHFLFSOBJINFO));
	case SHFL_ROLE_MAPPINGS:
		return bytes_parm(input, (before[-1].u.uint32 & 0xff) * sizeof(SHFLMAPPING));
	case SHFL_ROLE_LINK_TEXT:
		return bytes_parm(input, take_uint8(input));
	}
	return number_parm(input, info);
}

/* A parameter without rhyme or reason: only its memory is there. */
static VBOXHGCMSVCPARM odd_parm(struct input *input)
{
	VBOXHGCMSVCPARM made = {.type = take_uint8(input) % 5};

	if (made.type == VBOX_HGCM_SVC_PARM_PTR)
		return take_uint8(input) & 1 ? pointer(NULL, take_uint8(input))
					     : bytes_parm(input, take_uint8(input));
	if (made.type == VBOX_HGCM_SVC_PARM_PAGES)
		return data_parm(&(struct input){(const uint8_t[]){ODD, 1}, 2}, 0);
	made.u.uint64 = take_uint64(input);
	return made;
}

static void guest_call(struct input *input)
{
	uint32_t fn = take_uint8(input);
	uint8_t odd = take_uint8(input);
	const struct shfl_fn_info *info;
	VBOXHGCMSVCPARM parms[VBOX_HGCM_MAX_PARMS];
	unsigned n;

	fn = fn == ODD ? take_uint32(input) : fn % (SHFL_FN_LAST + 2);
	info = shfl_fn_find(fn);
	n = info ? info->n_parms : 0;
	for (unsigned i = 0; i < n; i++)
		parms[i] = odd == ODD && take_uint8(input) & 1
				   ? odd_parm(input)
				   : parm(input, &info->parms[i], &parms[i]);
	if (odd == ODD - 1)
		n = take_uint8(input) % (n + 1);
	make_call(odd & 1, fn, n, parms);
}

/*
 * A call as it is: client, function, number of parameters; of each its type and 64 bits,
 * or 16 bits of size and so many bytes. The conformance rows come in this form.
 */
static void raw_call(struct input *input)
{
	unsigned client = take_uint8(input) & 1;
	uint32_t fn = take_uint8(input);
	unsigned n = take_uint8(input) % (SHFL_MAX_PARMS + 1);
	VBOXHGCMSVCPARM parms[SHFL_MAX_PARMS];

	for (unsigned i = 0; i < n; i++) {
		uint8_t type = take_uint8(input);
		uint16_t bytes;

		if (type == VBOX_HGCM_SVC_PARM_PTR) {
			bytes = take_uint16(input) % 1024;
			parms[i] = pointer(room(bytes), bytes);
			take(input, parms[i].u.pointer.addr, bytes);
		} else if (type == VBOX_HGCM_SVC_PARM_PAGES) {
			parms[i] = data_parm(&(struct input){(const uint8_t[]){ODD, 1}, 2}, 0);
			parms[i].u.Pages.cb = (uint32_t)take_uint64(input);
		} else {
			parms[i] = (VBOXHGCMSVCPARM){.type = type, .u.uint64 = take_uint64(input)};
		}
	}
	make_call(client, fn, n, parms);
}

static VBOXHGCMSVCPARM host_string(const char *text)
{
	size_t n = strlen(text);
	uint16_t *units = room(2 * (n + 3));

	units[0] = (uint16_t)(2 * n + 2);
	units[1] = (uint16_t)(2 * n);
	for (size_t i = 0; i < n; i++)
		units[2 + i] = (uint8_t)text[i];
	return pointer(units, 2 * (n + 3));
}

static void add_share(const char *name, uint32_t flags)
{
	VBOXHGCMSVCPARM parms[4] = {
		[1] = host_string(name),
		[2] = {.type = VBOX_HGCM_SVC_PARM_32BIT, .u.uint32 = flags},
		[3] = host_string(""),
	};

	parms[0] = host_string(fuzz_path("share"));
	table.pfnHostCall(NULL, SHFL_FN_ADD_MAPPING, 4, parms);
}

static void host_call(struct input *input)
{
	static const char *const names[] = {"share", "ro", "other", ""};
	const char *name = names[take_uint8(input) % 4];
	VBOXHGCMSVCPARM parms[1] = {host_string(name)};

	if (take_uint8(input) & 1)
		add_share(name, take_uint8(input));
	else
		table.pfnHostCall(NULL, SHFL_FN_REMOVE_MAPPING, 1, parms);
}

static void map(unsigned client, const char *name, bool case_sensitive)
{
	size_t length = strlen(name) + 1;
	uint8_t *bytes = room(SHFLSTRING_HEADER_SIZE + length);
	SHFLSTRING header = {.u16Size = (uint16_t)length, .u16Length = (uint16_t)(length - 1)};
	VBOXHGCMSVCPARM parms[4] = {
		pointer(bytes, SHFLSTRING_HEADER_SIZE + length),
		{.type = VBOX_HGCM_SVC_PARM_32BIT},
		{.type = VBOX_HGCM_SVC_PARM_32BIT, .u.uint32 = '/'},
		{.type = VBOX_HGCM_SVC_PARM_32BIT, .u.uint32 = case_sensitive},
	};

	memcpy(bytes, &header, SHFLSTRING_HEADER_SIZE);
	memcpy(bytes + SHFLSTRING_HEADER_SIZE, name, length);
	make_call(client, SHFL_FN_MAP_FOLDER, 4, parms);
}

static void connect_clients(uint8_t how)
{
	for (unsigned i = 0; i < 2; i++) {
		clients[i] = calloc(1, table.cbClient);
		table.pfnConnect(NULL, 1 + i, clients[i], 0, false);
		if (!(how & 1 << i))
			make_call(i, SHFL_FN_SET_UTF8, 0, NULL);
	}
	if (how & 4)
		make_call(0, SHFL_FN_SET_SYMLINKS, 0, NULL);
	map(0, "share", !(how & 8));
	map(0, "ro", true);
	map(1, "share", !(how & 8));
}

static void load(void)
{
	static FNVBOXHGCMSVCLOAD *entry;

	if (!entry) {
		void *module = dlopen(SFSERVICE_PATH, RTLD_NOW);

		if (!module)
			abort();
		entry = (FNVBOXHGCMSVCLOAD *)dlsym(module, VBOX_HGCM_SVCLOAD_NAME);
		fuzz_make_world();
	}
	table = (VBOXHGCMSVCFNTABLE){
		.cbSize = sizeof(table),
		.u32Version = VBOX_HGCM_SVC_VERSION,
		.pHelpers = &helpers,
	};
	if (entry(&table))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};

	load();
	fuzz_make_share();
	add_share("share",
		  SHFL_ADD_MAPPING_F_WRITABLE |
			  (take_uint8(&input) & 1 ? SHFL_ADD_MAPPING_F_CREATE_SYMLINKS : 0));
	add_share("ro", SHFL_ADD_MAPPING_F_AUTOMOUNT);
	connect_clients(take_uint8(&input));
	for (unsigned i = 0; input.left && i < MAX_CALLS; i++) {
		if (input.at[0] == 0xff)
			host_call(&input);
		else if (input.at[0] == 0xfe && take_uint8(&input))
			raw_call(&input);
		else if (input.at[0] == 0xfd && take_uint8(&input))
			cancel_call(&input);
		else
			guest_call(&input);
	}
	for (unsigned i = 0; i < 2; i++) {
		table.pfnDisconnect(NULL, 1 + i, clients[i]);
		free(clients[i]);
	}
	table.pfnUnload(NULL);
	check_calls();
	fuzz_check_outside();
	while (n_memory)
		free(memory[--n_memory]);
	return 0;
}
