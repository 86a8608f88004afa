/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The service against what the original was seen to do: runs the rows of
 * service_conformance.rows in order. A row that docs/deviations.md lists has to
 * give what it says there instead; a listed row that does not differ fails, too.
 *
 * A call is CLIENT:FUNCTION ARGUMENT..., client 0 being the host. Arguments are
 *   12, 0x1f, A|B   a number (of the kind that the function takes there)
 *   "text", x*300   a string in; "%" at its start is the test's directory; bad: no UTF-8
 *   str:N           a string out of N bytes          buf:N, pages:N, null   memory
 *   cp:A|B,mode=M,size=N,bytes=N   CREATE's parameters     info[:mode=M,mtime=N], volume
 *   @x              the handle that is called x; after cp: where to keep it
 * COUNT fn and TYPES fn call with one parameter too many and with types of 0, LOAD
 * loads the service with a table that is odd in some way.
 */
#include <ctype.h>

#include "service_driver.h"

TestSuite(service_conformance, .fini = driver_finish);

#define MAX_CLIENTS 10
#define MAX_DEVIATION_SHARE 8 /* at most one row in so many */
#define CRASH "crash"
#define HANG "hang"

struct row {
	char *input, *call, *status, *outputs;
};

/* One call being put together and looked at. */
struct step {
	struct client *client; /* NULL: the host's */
	uint32_t fn;
	const struct shfl_fn_info *info;
	unsigned n;
	VBOXHGCMSVCPARM before[VBOX_HGCM_MAX_PARMS];
	VBOXHGCMSVCPARM parms[VBOX_HGCM_MAX_PARMS];
	uint64_t *handle; /* to be kept; NULL: not */
};

static struct client *clients[MAX_CLIENTS];
static uint64_t handles[128]; /* by the sum of their name's letters */
static int completions_before;

static const struct {
	const char *name;
	uint32_t value;
} flags[] = {
	{"LOOKUP", SHFL_CF_LOOKUP},
	{"OPEN_TARGET_DIRECTORY", SHFL_CF_OPEN_TARGET_DIRECTORY},
	{"DIRECTORY", SHFL_CF_DIRECTORY},
	{"FAIL_IF_EXISTS", SHFL_CF_ACT_FAIL_IF_EXISTS},
	{"REPLACE_IF_EXISTS", SHFL_CF_ACT_REPLACE_IF_EXISTS},
	{"OVERWRITE_IF_EXISTS", SHFL_CF_ACT_OVERWRITE_IF_EXISTS},
	{"FAIL_IF_NEW", SHFL_CF_ACT_FAIL_IF_NEW},
	{"READ", SHFL_CF_ACCESS_READ},
	{"RW", SHFL_CF_ACCESS_READWRITE},
	{"APPEND", SHFL_CF_ACCESS_APPEND},
	{"WRITABLE", SHFL_ADD_MAPPING_F_WRITABLE},
	{"AUTOMOUNT", SHFL_ADD_MAPPING_F_AUTOMOUNT},
	{"CREATE_SYMLINKS", SHFL_ADD_MAPPING_F_CREATE_SYMLINKS},
	{"MISSING", SHFL_ADD_MAPPING_F_MISSING},
};

static uint64_t number(const char *text)
{
	uint64_t value = 0;
	size_t length;

	for (;; text += length + 1) {
		length = strcspn(text, "|,");
		if (isdigit((unsigned char)text[0])) {
			value |= strtoull(text, NULL, 0);
		} else {
			unsigned i = 0;

			while (i < sizeof(flags) / sizeof(flags[0]) &&
			       (strlen(flags[i].name) != length ||
				strncmp(flags[i].name, text, length)))
				i++;
			cr_assert_lt(i, sizeof(flags) / sizeof(flags[0]), "no flag %s", text);
			value |= flags[i].value;
		}
		if (text[length] != '|')
			return value;
	}
}

/* The value of ",KEY=" in an argument, or what it is without. */
static uint64_t option(const char *argument, const char *key, uint64_t otherwise)
{
	const char *found = strstr(argument, key);

	return found ? strtoull(found + strlen(key), NULL, 0) : otherwise;
}

static uint64_t *handle_named(const char *name)
{
	unsigned sum = 0;

	while (*name)
		sum += (unsigned char)*name++;
	return &handles[sum % (sizeof(handles) / sizeof(handles[0]))];
}

static void *zeroed(size_t bytes)
{
	static uint8_t ring[32][4096];
	static unsigned next;

	cr_assert_leq(bytes, sizeof(ring[0]));
	return memset(ring[next++ % 32], 0, sizeof(ring[0]));
}

static VBOXHGCMSVCPARM string_argument(const struct step *step, const char *text)
{
	char filled[512];

	if (text[0] == '%') {
		snprintf(filled, sizeof(filled), "%s%s", driver_dir, text + 1);
		text = filled;
	}
	return step->client ? str8(text) : str16(text);
}

static VBOXHGCMSVCPARM create_argument(const char *argument)
{
	SHFLCREATEPARMS *create_parms = zeroed(sizeof(*create_parms));

	create_parms->Handle = SHFL_HANDLE_NIL;
	create_parms->CreateFlags = (uint32_t)number(argument);
	create_parms->Info.Attr.fMode = (uint32_t)option(argument, ",mode=", 0);
	create_parms->Info.cbObject = (int64_t)option(argument, ",size=", 0);
	return PBUF(create_parms, option(argument, ",bytes=", sizeof(*create_parms)));
}

static VBOXHGCMSVCPARM info_argument(const char *argument)
{
	SHFLFSOBJINFO *info = zeroed(sizeof(*info));

	info->Attr.fMode = (uint32_t)option(argument, "mode=", 0);
	info->ModificationTime = (int64_t)option(argument, "mtime=", 0);
	return PBUF(info, sizeof(*info));
}

static VBOXHGCMSVCPARM out_string(size_t bytes)
{
	SHFLSTRING *string = zeroed(SHFLSTRING_HEADER_SIZE + bytes);

	string->u16Size = (uint16_t)bytes;
	return PBUF(string, SHFLSTRING_HEADER_SIZE + bytes);
}

static VBOXHGCMSVCPARM page_list(size_t bytes)
{
	void **pages = zeroed(sizeof(*pages));

	pages[0] = zeroed(bytes);
	return PPAGES(pages, 1, bytes);
}

static bool starts_with(const char *text, const char *start)
{
	return !strncmp(text, start, strlen(start));
}

static VBOXHGCMSVCPARM number_argument(const struct step *step, uint64_t value)
{
	uint8_t kind = step->info ? step->info->parms[step->n].kind : SHFL_KIND_32BIT;

	return kind == SHFL_KIND_32BIT ? P32((uint32_t)value) : P64(value);
}

static VBOXHGCMSVCPARM pattern_argument(const char *argument)
{
	static char repeated[512];
	size_t n = strtoul(argument + 2, NULL, 0);

	memset(repeated, argument[0], n);
	repeated[n] = '\0';
	return str8(repeated);
}

static VBOXHGCMSVCPARM argument_value(const struct step *step, const char *argument)
{
	const char *value = strchr(argument, ':');

	if (argument[0] == '"')
		return string_argument(step, argument + 1);
	if (argument[0] == '@')
		return number_argument(step, *handle_named(argument + 1));
	if (argument[0] && argument[1] == '*')
		return pattern_argument(argument);
	if (!strcmp(argument, "null"))
		return PBUF(NULL, 0);
	if (!strcmp(argument, "bad"))
		return str8("/\xff\xfe");
	if (!strcmp(argument, "led"))
		return PBUF(zeroed(16), 16);
	if (!strcmp(argument, "volume"))
		return PBUF(zeroed(sizeof(SHFLVOLINFO)), sizeof(SHFLVOLINFO));
	if (starts_with(argument, "info"))
		return info_argument(argument);
	if (starts_with(argument, "cp:"))
		return create_argument(value + 1);
	if (starts_with(argument, "str:"))
		return out_string(number(value + 1));
	if (starts_with(argument, "buf:"))
		return PBUF(zeroed(number(value + 1)), number(value + 1));
	if (starts_with(argument, "pages:"))
		return page_list(number(value + 1));
	return number_argument(step, number(argument));
}

/* Cuts the next word off; one in quotation marks keeps the first of them. */
static char *next_word(char **rest)
{
	char *word, *end;

	while (**rest == ' ')
		++*rest;
	word = *rest;
	if (!*word)
		return NULL;
	end = word[0] == '"' ? strchr(word + 1, '"') : word + strcspn(word, " ");
	cr_assert_not_null(end, "no end of %s", word);
	*rest = *end ? end + 1 : end;
	*end = '\0';
	return word;
}

static void find_function(struct step *step, const char *name)
{
	for (step->fn = 0; step->fn <= SHFL_FN_LAST; step->fn++) {
		step->info = step->client ? shfl_fn_find(step->fn) : shfl_host_fn_find(step->fn);
		if (step->info && !strcmp(step->info->name, name))
			return;
	}
	cr_assert_fail("no function %s", name);
}

static void set_function(struct step *step, uint32_t fn)
{
	step->fn = fn;
	step->info = step->client ? shfl_fn_find(fn) : shfl_host_fn_find(fn);
}

/* One parameter too many, all of them of type 0; or as many as there are. */
static void odd_parameters(struct step *step, const char *what, const char *fn)
{
	set_function(step, (uint32_t)number(fn));
	step->n = step->info ? step->info->n_parms : 0;
	if (!strcmp(what, "COUNT"))
		step->n++;
}

static void read_arguments(struct step *step, char *rest)
{
	char *word;

	while ((word = next_word(&rest))) {
		if (word[0] == '@' && step->fn == SHFL_FN_CREATE)
			step->handle = handle_named(word + 1);
		else
			step->parms[step->n] = argument_value(step, word), step->n++;
	}
}

static int completions_since(void)
{
	int total = 0;

	for (unsigned i = 0; i < sizeof(driver_calls) / sizeof(driver_calls[0]); i++)
		total += driver_calls[i].completions;
	return total - completions_before;
}

/* What a function has put out, as words; ret has 4096 bytes. */

static char *mode_words(char *at, const SHFLFSOBJINFO *info)
{
	return at + sprintf(at, " fMode=0%o", info->Attr.fMode);
}

static char *create_words(char *at, const SHFLCREATEPARMS *made)
{
	bool is_dir = (made->Info.Attr.fMode & RTFS_TYPE_MASK) == RTFS_TYPE_DIRECTORY;

	at += sprintf(at, " Result=%d Handle=%s", made->Result,
		      made->Handle == SHFL_HANDLE_NIL ? "NIL" : "some");
	at = mode_words(at, &made->Info);
	return at + (is_dir ? sprintf(at, " cbObject=dir")
			    : sprintf(at, " cbObject=%lld", (long long)made->Info.cbObject));
}

static char *volume_words(char *at, const SHFLVOLINFO *volume)
{
	return at + sprintf(at, " unit=%u sector=%u maxcomp=%u remote=%d case=%d ro=%d uni=%d",
			    volume->ulBytesPerAllocationUnit, volume->ulBytesPerSector,
			    volume->fsProperties.cbMaxComponent, volume->fsProperties.fRemote,
			    volume->fsProperties.fCaseSensitive, volume->fsProperties.fReadOnly,
			    volume->fsProperties.fSupportsUnicode);
}

static char *info_words(char *at, const SHFLFSOBJINFO *info)
{
	at += sprintf(at, " size=%lld alloc=%lld add=%d", (long long)info->cbObject,
		      (long long)info->cbAllocated, info->Attr.enmAdditional);
	at = mode_words(at, info);
	return at + sprintf(at, " mtime=%lld", (long long)info->ModificationTime);
}

static char *list_words(char *at, const struct step *step)
{
	struct entry entries[16];
	uint32_t bytes = step->parms[3].u.uint32;
	unsigned n = 0;

	if (bytes != step->before[3].u.uint32)
		n = entries_of(step->parms[5].u.pointer.addr, bytes, entries, 16);
	at += sprintf(at, " cb=%u more=%u n=%u", bytes, step->parms[6].u.uint32,
		      step->parms[7].u.uint32);
	for (unsigned i = 0; i < n; i++)
		at += sprintf(at, " %s", entries[i].name);
	return at;
}

static char *mappings_words(char *at, const struct step *step)
{
	const SHFLMAPPING *mapping = step->parms[2].u.pointer.addr;
	uint32_t room = step->before[1].u.uint32;
	uint32_t n = step->parms[1].u.uint32;

	at += sprintf(at, " count=%u", n);
	for (uint32_t i = 0; i < n && i < room; i++)
		at += sprintf(at, " status=%u root=%u", mapping[i].u32Status, mapping[i].root);
	return at;
}

static char *name_words(char *at, const struct step *step)
{
	const SHFLSTRING *name = step->parms[1].u.pointer.addr;

	at += sprintf(at, " u16Length=%u", name->u16Length);
	return at + sprintf(at, " %s", (const char *)name + SHFLSTRING_HEADER_SIZE);
}

static void output_words(const struct step *step, char *at)
{
	const VBOXHGCMSVCPARM *list = step->parms;
	const SHFLFSOBJINFO *info;

	at += sprintf(at, " completions=%d", completions_since());
	if (!step->client || step->n != (step->info ? step->info->n_parms : 0) || !list[0].type)
		return;
	switch (step->fn) {
	case SHFL_FN_QUERY_MAPPINGS:
		mappings_words(at, step);
		break;
	case SHFL_FN_QUERY_MAP_NAME:
		name_words(at, step);
		break;
	case SHFL_FN_QUERY_MAP_INFO:
		sprintf(at, " flags=%llu version=%u", (unsigned long long)list[3].u.uint64,
			list[4].u.uint32);
		break;
	case SHFL_FN_MAP_FOLDER:
		sprintf(at, " root=%u", list[1].u.uint32);
		break;
	case SHFL_FN_WAIT_FOR_MAPPINGS_CHANGES:
		sprintf(at, " version=%u", list[0].u.uint32);
		break;
	case SHFL_FN_CREATE:
		create_words(at, list[2].u.pointer.addr);
		break;
	case SHFL_FN_READ:
	case SHFL_FN_WRITE:
		sprintf(at, " cb=%u offset=%llu", list[3].u.uint32,
			(unsigned long long)list[2].u.uint64);
		break;
	case SHFL_FN_LIST:
		list_words(at, step);
		break;
	case SHFL_FN_INFORMATION:
		at += sprintf(at, " cb=%u", list[3].u.uint32);
		if (list[2].u.uint32 & SHFL_INFO_VOLUME)
			volume_words(at, list[4].u.pointer.addr);
		else
			info_words(at, list[4].u.pointer.addr);
		break;
	case SHFL_FN_SYMLINK:
		info = list[3].u.pointer.addr;
		sprintf(mode_words(at, info), " size=%lld", (long long)info->cbObject);
		break;
	case SHFL_FN_COPY_FILE_PART:
		sprintf(at, " cb=%llu", (unsigned long long)list[6].u.uint64);
		break;
	}
}

/* Loads a second time, with a table that is odd in the given way. */
static int32_t load_again(const char *how, char *words)
{
	VBOXHGCMSVCFNTABLE odd = {
		.cbSize = sizeof(odd),
		.u32Version = VBOX_HGCM_SVC_VERSION,
		.pHelpers = &driver_helpers,
	};
	FNVBOXHGCMSVCLOAD *load = (FNVBOXHGCMSVCLOAD *)dlsym(driver_module, VBOX_HGCM_SVCLOAD_NAME);

	if (!strcmp(how, "slots")) {
		sprintf(words, "%s%s%s%s%s", table.pfnCancelled ? "" : " cancelled",
			table.pfnSaveState ? "" : " savestate",
			table.pfnLoadState ? "" : " loadstate",
			table.pfnRegisterExtension ? "" : " registerextension",
			table.pfnNotify ? "" : " notify");
		return VINF_SUCCESS;
	}
	sprintf(words, " cbClient=%u clients=%u calls=%u,%u,%u category=%u", table.cbClient,
		table.acMaxClients[0], table.acMaxCallsPerClient[0], table.acMaxCallsPerClient[1],
		table.acMaxCallsPerClient[2], table.idxLegacyClientCategory);
	if (!strcmp(how, "filled"))
		return VINF_SUCCESS;
	if (!strcmp(how, "size"))
		odd.cbSize += 8;
	if (!strcmp(how, "version"))
		odd.u32Version++;
	return load(strcmp(how, "null") ? &odd : NULL);
}

#define SEED_CALLS 16

/*
 * SF_FUZZ_SEEDS: a directory that gets the calls as inputs of fuzz_service, some in each
 * file. The format is that of raw_call() there.
 */
static void write_seed(const struct step *step)
{
	static unsigned n_calls;
	const char *dir = getenv("SF_FUZZ_SEEDS");
	uint8_t head[] = {0xfe, 0, (uint8_t)step->fn, (uint8_t)step->n};
	char path[4096];
	FILE *file;

	if (!dir || !step->client)
		return;
	snprintf(path, sizeof(path), "%s/rows-%u", dir, n_calls / SEED_CALLS);
	file = fopen(path, n_calls % SEED_CALLS ? "a" : "w");
	cr_assert_not_null(file, "%s", path);
	if (n_calls++ % SEED_CALLS == 0)
		fwrite("\1\4", 1, 2, file); /* a share with links, a client that sees them */
	fwrite(head, 1, sizeof(head), file);
	for (unsigned i = 0; i < step->n; i++) {
		const VBOXHGCMSVCPARM *parm = &step->parms[i];
		uint16_t bytes = (uint16_t)parm->u.pointer.size;

		fputc((int)parm->type, file);
		if (parm->type != VBOX_HGCM_SVC_PARM_PTR) {
			fwrite(&parm->u.uint64, sizeof(parm->u.uint64), 1, file);
			continue;
		}
		bytes = parm->u.pointer.addr && bytes < 512 ? bytes : 0;
		fwrite(&bytes, sizeof(bytes), 1, file);
		fwrite(parm->u.pointer.addr, 1, bytes, file);
	}
	fclose(file);
}

static int32_t make_call(struct step *step, char *words)
{
	int32_t status;

	write_seed(step);
	memcpy(step->before, step->parms, sizeof(step->before));
	completions_before = 0;
	completions_before = completions_since();
	if (driver_calls[driver_next_call % 256].completions)
		completions_before--; /* the slot is used again */
	status = step->client ? driver_call(step->client, step->fn, step->n, step->parms)
			      : host_call(step->fn, step->n, step->parms);
	output_words(step, words);
	if (step->handle && step->parms[2].u.pointer.addr)
		*step->handle = ((SHFLCREATEPARMS *)step->parms[2].u.pointer.addr)->Handle;
	return status;
}

static int32_t disconnect(unsigned i)
{
	client_disconnect(clients[i]);
	clients[i] = NULL;
	return VINF_SUCCESS;
}

static int32_t run_call(char *call, char *words)
{
	struct step step = {0};
	char *rest = call;
	char *word = next_word(&rest);

	words[0] = '\0';
	if (!strcmp(word, "LOAD"))
		return load_again(next_word(&rest), words);
	cr_assert_eq(word[1], ':', "no client: %s", word);
	step.client = clients[word[0] - '0'];
	cr_assert(word[0] == '0' || step.client, "client %c is not there", word[0]);
	word += 2;
	if (!strcmp(word, "DISCONNECT"))
		return disconnect((unsigned)(call[0] - '0'));
	if (!strcmp(word, "COUNT") || !strcmp(word, "TYPES")) {
		odd_parameters(&step, word, next_word(&rest));
	} else if (!strcmp(word, "FN")) {
		set_function(&step, (uint32_t)number(next_word(&rest)));
		read_arguments(&step, rest);
	} else {
		find_function(&step, word);
		read_arguments(&step, rest);
	}
	return make_call(&step, words);
}

/* Lines that prepare: "dir PATH", "file PATH SIZE [MODE]", "client N utf8|links" ... */
static void prepare(char *line)
{
	char words[4096], command[4096];
	char *rest = line;
	char *verb = next_word(&rest);
	char *name;

	if (isdigit((unsigned char)verb[0])) {
		snprintf(command, sizeof(command), "%s %s", verb, rest);
		cr_assert_geq(run_call(command, words), 0, "%s: %s", verb, words);
		return;
	}
	name = next_word(&rest);
	if (!strcmp(verb, "client")) {
		clients[name[0] - '0'] = linux_client(strstr(rest, "links"));
	} else if (!strcmp(verb, "dir")) {
		cr_assert_eq(mkdir(host_path(name), 0755), 0, "%s", name);
	} else if (!strcmp(verb, "rm")) {
		cr_assert_eq(unlink(host_path(name)), 0, "%s", name);
	} else if (!strcmp(verb, "link")) {
		cr_assert_eq(symlink(next_word(&rest), host_path(name)), 0, "%s", name);
	} else if (!strcmp(verb, "fifo")) {
		cr_assert_eq(mkfifo(host_path(name), 0644), 0, "%s", name);
	} else {
		cr_assert_str_eq(verb, "file");
		host_file(name, "");
		cr_assert_eq(truncate(host_path(name), (off_t)number(next_word(&rest))), 0);
		cr_assert_eq(chmod(host_path(name), *rest ? (mode_t)strtoul(rest, NULL, 8) : 0644),
			     0);
	}
}

/* The words that are compared: handles and sizes of directories are not. */
static void normalise(char *words)
{
	char copy[4096];
	char *at = copy;
	char *word;
	bool is_dir = strstr(words, "fMode=04040");

	snprintf(copy, sizeof(copy), "%s", words);
	words[0] = '\0';
	while ((word = next_word(&at))) {
		if (starts_with(word, "Handle=") && strcmp(word, "Handle=NIL"))
			word = (char *)"Handle=some";
		if (starts_with(word, "cbObject=") && is_dir)
			word = (char *)"cbObject=dir";
		strcat(strcat(words, " "), word);
	}
	strcat(words, " ");
}

/*
 * Whether all expected words are among those that came, in this order; the names
 * of a listing in any.
 */
static bool words_match(char *expected, char *actual)
{
	const char *from;
	char word[512];

	normalise(expected);
	normalise(actual);
	from = actual;
	for (char *rest = expected, *next; (next = next_word(&rest));) {
		snprintf(word, sizeof(word), " %s ", next);
		if (!strchr(next, '=') && strstr(actual, word))
			continue;
		from = strstr(from, word);
		if (!from)
			return false;
		from += strlen(word) - 1;
	}
	return true;
}

/* The file beside this one, or under the project's top. */
static FILE *open_text(const char *name)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s", __FILE__);
	snprintf(strrchr(path, '/'), 1024, "/%s", name);
	file = fopen(path, "r");
	cr_assert_not_null(file, "%s", path);
	return file;
}

static char *trimmed(char *text)
{
	char *end;

	if (!text)
		return (char *)"";
	text += strspn(text, " ");
	end = text + strlen(text);
	while (end > text && isspace((unsigned char)end[-1]))
		*--end = '\0';
	return text;
}

/* Splits at "|" between blanks: an argument's flags have none. */
static char *cut_column(char **rest)
{
	char *column = *rest;
	char *bar;

	if (!column)
		return NULL;
	for (bar = column; *bar; bar++)
		if (bar[0] == '|' && (bar == column || bar[-1] == ' '))
			break;
	*rest = *bar ? bar + 1 : NULL;
	*bar = '\0';
	return trimmed(column);
}

/*
 * docs/deviations.md: "| input | original | ours: status outputs | why | reason |".
 * Fills ours in and returns true if the row is listed.
 */
static bool is_deviation(const char *input, char *ret_status, char *ret_outputs)
{
	static const char *const reasons[] = {"unsafe", CRASH, HANG, "data loss", "false report"};
	FILE *file = open_text("../../docs/deviations.md");
	bool found = false;
	char line[4096];

	while (!found && fgets(line, sizeof(line), file)) {
		char *rest = line + 1;
		char *columns[5];
		unsigned known = 0;

		if (line[0] != '|')
			continue;
		for (unsigned i = 0; i < 5; i++)
			columns[i] = trimmed(cut_column(&rest));
		if (strcmp(columns[0], input))
			continue;
		found = true;
		sscanf(columns[2], "%63s %511[^\n]", ret_status, ret_outputs);
		for (unsigned i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
			known += !strcmp(columns[4], reasons[i]);
		cr_assert_eq(known, 1, "%s: reason \"%s\"", input, columns[4]);
	}
	fclose(file);
	return found;
}

static bool status_matches(const char *expected, int32_t status)
{
	const char *name = vbox_status_name(status);
	char *end;
	long number_expected = strtol(expected, &end, 10);

	if (*expected && !*end)
		return status == number_expected;
	return name && !strcmp(name, expected);
}

/* Returns whether the row is a deviation; *ret_failed: it is not as expected. */
static bool run_row(struct row *row, bool *ret_failed)
{
	char words[4096], status_text[64] = "", outputs[512] = "", original[512];
	int32_t status = run_call(row->call, words);
	bool deviates = is_deviation(row->input, status_text, outputs);
	bool as_original;

	snprintf(original, sizeof(original), "%s", row->outputs);
	as_original = status_matches(row->status, status) && words_match(original, words);
	if (!deviates) {
		cr_expect(as_original, "%s: status %d,%s, but the original: %s %s", row->input,
			  status, words, row->status, row->outputs);
		*ret_failed = !as_original;
		return false;
	}
	cr_expect_not(as_original, "%s: listed in docs/deviations.md, but does not differ",
		      row->input);
	*ret_failed =
		as_original || !status_matches(status_text, status) || !words_match(outputs, words);
	cr_expect_not(*ret_failed, "%s: status %d,%s, but docs/deviations.md says %s %s",
		      row->input, status, words, status_text, outputs);
	return true;
}

Test(service_conformance, rows, .init = driver_load, .timeout = 60)
{
	FILE *file = open_text("service_conformance.rows");
	unsigned rows = 0, deviations = 0, failed_rows = 0;
	char line[4096];

	while (fgets(line, sizeof(line), file)) {
		char *rest = line;
		struct row row;
		bool failed;

		if (line[0] == '#' || line[0] == '\n')
			continue;
		if (line[0] == '!') {
			prepare(trimmed(line + 1));
			continue;
		}
		row.input = cut_column(&rest);
		row.call = cut_column(&rest);
		row.status = cut_column(&rest);
		row.outputs = trimmed(rest);
		deviations += run_row(&row, &failed);
		failed_rows += failed;
		rows++;
	}
	fclose(file);
	fprintf(stderr, "conformance: %u rows, %u as the original, %u deviations\n", rows,
		rows - deviations - failed_rows, deviations);
	cr_expect_gt(rows, 200);
	cr_expect_leq(deviations * MAX_DEVIATION_SHARE, rows);
}

/* Each deviation that names a row names one that there is. */
Test(service_conformance, deviations_are_rows, .init = driver_load)
{
	FILE *file = open_text("../../docs/deviations.md");
	FILE *rows = open_text("service_conformance.rows");
	static char all[65536];
	char line[4096], input[512];
	bool in_rows = false;

	all[fread(all, 1, sizeof(all) - 1, rows)] = '\0';
	while (fgets(line, sizeof(line), file)) {
		char *rest = line + 1;

		if (line[0] == '#')
			in_rows = strstr(line, "Rows");
		if (!in_rows || line[0] != '|' || starts_with(line, "| row") ||
		    starts_with(line, "|--"))
			continue;
		snprintf(input, sizeof(input), "\n%s | ", trimmed(cut_column(&rest)));
		cr_expect_not_null(strstr(all, input), "no row%s", input);
	}
	fclose(rows);
	fclose(file);
}
