/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes mutants of C sources: copies that differ in one small thing. Which
 * ones is drawn from a seed, so that a run can be repeated.
 *
 *   mutate SEED COUNT DIR FILE...
 *
 * writes DIR/1.c ... DIR/COUNT.c, and on stdout a line for each: number, file,
 * line, kind, what was changed. It works on tokens, inside of functions only;
 * whether a mutant compiles or means the same is for the compiler to say.
 */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum token_kind { TOKEN_NAME, TOKEN_NUMBER, TOKEN_TEXT, TOKEN_SIGN };

struct token {
	size_t at, length; /* in the source's text */
	unsigned int line;
	enum token_kind kind;
	bool in_body; /* of a function */
	bool in_parens; /* not the start of a statement */
};

struct source {
	const char *path;
	char *text;
	size_t length;
	struct token *tokens;
	size_t n_tokens;
};

enum site_kind { SITE_COMPARE, SITE_OFF_BY_ONE, SITE_DROP, SITE_SWAP, N_SITE_KINDS };

static const char *const site_names[N_SITE_KINDS] = {
	[SITE_COMPARE] = "compare",
	[SITE_OFF_BY_ONE] = "off-by-one",
	[SITE_DROP] = "drop",
	[SITE_SWAP] = "swap",
};

/* One possible change: the text from @at on, @length bytes, becomes @with. */
struct site {
	const struct source *source;
	unsigned int line;
	size_t at, length;
	char *with;
};

struct site_list {
	struct site *sites;
	size_t n;
};

static void *grow(void *array, size_t n, size_t size)
{
	/* Powers of two: grown when the number is one. */
	if (n & (n - 1))
		return array;
	array = realloc(array, (n ? 2 * n : 1) * size);
	if (!array) {
		fputs("mutate: out of memory\n", stderr);
		exit(1);
	}
	return array;
}

/* ---- tokens ---- */

static const char *const signs[] = {"<<=", ">>=", "...", "->", "++", "--", "<<", ">>",
				    "<=",  ">=",  "==",	 "!=", "&&", "||", "+=", "-=",
				    "*=",  "/=",  "%=",	 "&=", "|=", "^="};

static size_t sign_length(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(signs); i++)
		if (!strncmp(text, signs[i], strlen(signs[i])))
			return strlen(signs[i]);
	return 1;
}

static size_t quoted_length(const char *text)
{
	size_t n = 1;

	while (text[n] && text[n] != text[0])
		n += text[n] == '\\' && text[n + 1] ? 2 : 1;
	return text[n] ? n + 1 : n;
}

static size_t word_length(const char *text)
{
	size_t n = 0;

	while (isalnum((unsigned char)text[n]) || text[n] == '_')
		n++;
	return n;
}

/* Length of a comment, or of a preprocessor's line, at @text; 0 if there is none. */
static size_t skipped_length(const char *text, bool line_start)
{
	const char *end;

	if (!strncmp(text, "/*", 2)) {
		end = strstr(text + 2, "*/");
		return end ? (size_t)(end - text) + 2 : strlen(text);
	}
	if (!line_start || *text != '#')
		return 0;
	for (end = text; *end && *end != '\n'; end++)
		if (*end == '\\' && end[1] == '\n')
			end++;
	return (size_t)(end - text);
}

static void token_add(struct source *source, size_t at, size_t length, enum token_kind kind,
		      unsigned int line)
{
	source->tokens = grow(source->tokens, source->n_tokens, sizeof(*source->tokens));
	source->tokens[source->n_tokens++] =
		(struct token){.at = at, .length = length, .kind = kind, .line = line};
}

static enum token_kind kind_of(char first)
{
	if (isdigit((unsigned char)first))
		return TOKEN_NUMBER;
	if (isalpha((unsigned char)first) || first == '_')
		return TOKEN_NAME;
	return first == '"' || first == '\'' ? TOKEN_TEXT : TOKEN_SIGN;
}

static void tokenize(struct source *source)
{
	const char *text = source->text;
	unsigned int line = 1;
	bool line_start = true;

	for (size_t at = 0; text[at];) {
		size_t skipped = skipped_length(text + at, line_start);
		enum token_kind kind = kind_of(text[at]);
		size_t n = skipped;

		if (!skipped && isspace((unsigned char)text[at])) {
			n = 1;
		} else if (!skipped) {
			n = kind == TOKEN_TEXT	 ? quoted_length(text + at)
			    : kind == TOKEN_SIGN ? sign_length(text + at)
						 : word_length(text + at);
			token_add(source, at, n, kind, line);
		}
		line_start = n == 1 && isspace((unsigned char)text[at])
				     ? line_start || text[at] == '\n'
				     : false;
		for (size_t i = 0; i < n; i++)
			line += text[at + i] == '\n';
		at += n;
	}
}

static bool token_is(const struct source *source, size_t i, const char *text)
{
	const struct token *token = &source->tokens[i];

	return i < source->n_tokens && token->length == strlen(text) &&
	       !memcmp(source->text + token->at, text, token->length);
}

/* A function's body is what stands in braces after a closing parenthesis, outside of others. */
static void mark_bodies(struct source *source)
{
	unsigned int depth = 0, parens = 0;
	bool in_body = false;

	for (size_t i = 0; i < source->n_tokens; i++) {
		if (token_is(source, i, "("))
			parens++;
		else if (token_is(source, i, ")") && parens)
			parens--;
		source->tokens[i].in_parens = parens > 0;
		if (token_is(source, i, "{")) {
			if (!depth++)
				in_body = i && token_is(source, i - 1, ")");
		} else if (token_is(source, i, "}") && depth) {
			in_body = --depth && in_body;
		}
		source->tokens[i].in_body = in_body;
	}
}

static int source_read(struct source *source, const char *path)
{
	FILE *file = fopen(path, "r");

	*source = (struct source){.path = path};
	if (!file)
		return -errno;
	for (int c = getc(file); c != EOF; c = getc(file)) {
		source->text = grow(source->text, source->length, 1);
		source->text[source->length++] = (char)c;
	}
	fclose(file);
	source->text = grow(source->text, source->length, 1);
	source->text[source->length] = '\0';
	tokenize(source);
	mark_bodies(source);
	return 0;
}

/* ---- sites ---- */

static void site_add(struct site_list *list, const struct source *source, size_t first, size_t last,
		     char *with)
{
	const struct token *from = &source->tokens[first], *to = &source->tokens[last];

	if (!with) {
		fputs("mutate: out of memory\n", stderr);
		exit(1);
	}
	list->sites = grow(list->sites, list->n, sizeof(*list->sites));
	list->sites[list->n++] = (struct site){.source = source,
					       .line = from->line,
					       .at = from->at,
					       .length = to->at + to->length - from->at,
					       .with = with};
}

static void find_compare(struct site_list *list, const struct source *source, size_t i)
{
	static const char *const flips[][2] = {{"<", "<="}, {"<=", "<"},  {">", ">="},
					       {">=", ">"}, {"==", "!="}, {"!=", "=="}};

	for (size_t f = 0; f < ARRAY_SIZE(flips); f++)
		if (token_is(source, i, flips[f][0]))
			site_add(list, source, i, i, strdup(flips[f][1]));
}

static void find_off_by_one(struct site_list *list, const struct source *source, size_t i)
{
	const struct token *token = &source->tokens[i];
	char *with;

	if (token->kind != TOKEN_NUMBER)
		return;
	for (int sign = 0; sign < 2; sign++)
		if (asprintf(&with, "(%.*s %c 1)", (int)token->length, source->text + token->at,
			     "+-"[sign]) >= 0)
			site_add(list, source, i, i, with);
}

static bool is_keyword(const struct source *source, size_t i)
{
	static const char *const words[] = {"return", "if",	"for",	    "while",	"switch",
					    "do",     "goto",	"break",    "continue", "case",
					    "else",   "sizeof", "default",  "static",	"const",
					    "struct", "enum",	"unsigned", "union",	"typeof"};

	for (size_t w = 0; w < ARRAY_SIZE(words); w++)
		if (token_is(source, i, words[w]))
			return true;
	return false;
}

/* The token that closes what opens at @i, or ends the statement; 0 if there is none. */
static size_t find_end(const struct source *source, size_t i, const char *end)
{
	unsigned int depth = 0;

	for (; i < source->n_tokens; i++) {
		if (!depth && token_is(source, i, end))
			return i;
		if (token_is(source, i, "(") || token_is(source, i, "[") ||
		    token_is(source, i, "{"))
			depth++;
		else if (token_is(source, i, ")") || token_is(source, i, "]") ||
			 token_is(source, i, "}"))
			depth--;
		if (depth > source->n_tokens)
			return 0;
	}
	return 0;
}

/* An expression as a statement: a name, then neither a name nor a star (that declares). */
static void find_drop(struct site_list *list, const struct source *source, size_t i)
{
	size_t end;

	if (source->tokens[i].kind != TOKEN_NAME || source->tokens[i].in_parens || !i ||
	    is_keyword(source, i))
		return;
	if (!token_is(source, i - 1, ";") && !token_is(source, i - 1, "{") &&
	    !token_is(source, i - 1, "}"))
		return;
	if (i + 1 >= source->n_tokens || source->tokens[i + 1].kind != TOKEN_SIGN ||
	    token_is(source, i + 1, "*") || token_is(source, i + 1, ":"))
		return;
	end = find_end(source, i, ";");
	if (end)
		site_add(list, source, i, end, strdup(";"));
}

static char *swapped(const struct source *source, size_t first, size_t comma, size_t last)
{
	const struct token *tokens = source->tokens;
	const char *a = source->text + tokens[first].at;
	const char *b = source->text + tokens[comma + 1].at;
	size_t n_a = tokens[comma - 1].at + tokens[comma - 1].length - tokens[first].at;
	size_t n_b = tokens[last].at + tokens[last].length - tokens[comma + 1].at;
	char *with;

	return asprintf(&with, "%.*s, %.*s", (int)n_b, b, (int)n_a, a) >= 0 ? with : NULL;
}

/* Neighbouring arguments of a call that begins with the name at @i. */
static void find_swap(struct site_list *list, const struct source *source, size_t i)
{
	size_t first = i + 2, close, comma, next;

	if (source->tokens[i].kind != TOKEN_NAME || is_keyword(source, i) ||
	    !token_is(source, i + 1, "("))
		return;
	close = find_end(source, first, ")");
	comma = find_end(source, first, ",");
	while (close && comma && comma < close) {
		next = find_end(source, comma + 1, ",");
		if (!next || next > close)
			next = close;
		site_add(list, source, first, next - 1, swapped(source, first, comma, next - 1));
		first = comma + 1;
		comma = next;
	}
}

static void (*const find_sites[N_SITE_KINDS])(struct site_list *, const struct source *, size_t) = {
	[SITE_COMPARE] = find_compare,
	[SITE_OFF_BY_ONE] = find_off_by_one,
	[SITE_DROP] = find_drop,
	[SITE_SWAP] = find_swap,
};

/* ---- mutants ---- */

static uint64_t draw(uint64_t *state)
{
	/* xorshift64*, as published by Vigna */
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

static int mutant_write(const struct site *site, const char *dir, unsigned long number)
{
	const struct source *source = site->source;
	size_t rest = site->at + site->length;
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%lu.c", dir, number);
	file = fopen(path, "w");
	if (!file)
		return -errno;
	fwrite(source->text, 1, site->at, file);
	fputs(site->with, file);
	fwrite(source->text + rest, 1, source->length - rest, file);
	return fclose(file) ? -errno : 0;
}

static void print_flat(const char *text, size_t n)
{
	bool space = false;

	for (size_t i = 0; i < n; i++) {
		bool blank = isspace((unsigned char)text[i]);

		if (blank && !space)
			putchar(' ');
		else if (!blank)
			putchar(text[i]);
		space = blank;
	}
}

static void mutant_print(const struct site *site, enum site_kind kind, unsigned long number)
{
	printf("%lu %s %u %s ", number, site->source->path, site->line, site_names[kind]);
	print_flat(site->source->text + site->at, site->length);
	fputs(" -> ", stdout);
	print_flat(site->with, strlen(site->with));
	putchar('\n');
}

static int make_mutants(struct site_list *lists, uint64_t seed, unsigned long count,
			const char *dir)
{
	for (unsigned long number = 1; number <= count; number++) {
		enum site_kind kind = draw(&seed) % N_SITE_KINDS;
		struct site_list *list = &lists[kind];
		struct site *site;
		int error;

		if (!list->n)
			continue;
		site = &list->sites[draw(&seed) % list->n];
		error = mutant_write(site, dir, number);
		if (error) {
			fprintf(stderr, "mutate: %s: %s\n", dir, strerror(-error));
			return 1;
		}
		mutant_print(site, kind, number);
		/* None is made twice. */
		free(site->with);
		*site = list->sites[--list->n];
	}
	return 0;
}

static void lists_fill(struct site_list *lists, const struct source *source)
{
	for (size_t i = 0; i < source->n_tokens; i++)
		for (int kind = 0; source->tokens[i].in_body && kind < N_SITE_KINDS; kind++)
			find_sites[kind](&lists[kind], source, i);
}

static void lists_free(struct site_list *lists)
{
	for (int kind = 0; kind < N_SITE_KINDS; kind++) {
		for (size_t i = 0; i < lists[kind].n; i++)
			free(lists[kind].sites[i].with);
		free(lists[kind].sites);
	}
}

int main(int argc, char **argv)
{
	struct site_list lists[N_SITE_KINDS] = {0};
	struct source *sources;
	uint64_t seed;
	int status = 1;

	if (argc < 5 || !(seed = strtoull(argv[1], NULL, 0))) {
		fputs("usage: mutate SEED COUNT DIR FILE...   (SEED is a number, not 0)\n", stderr);
		return 2;
	}
	sources = calloc((size_t)argc, sizeof(*sources));
	for (int i = 4; sources && i < argc; i++) {
		int error = source_read(&sources[i], argv[i]);

		if (error) {
			fprintf(stderr, "mutate: %s: %s\n", argv[i], strerror(-error));
			goto cleanup;
		}
		lists_fill(lists, &sources[i]);
	}
	if (sources)
		status = make_mutants(lists, seed, strtoul(argv[2], NULL, 0), argv[3]);
cleanup:
	lists_free(lists);
	for (int i = 4; sources && i < argc; i++) {
		free(sources[i].text);
		free(sources[i].tokens);
	}
	free(sources);
	return status;
}
