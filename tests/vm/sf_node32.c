/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HGCM calls by a program of 32 bits, whose parameters are narrower. Built without a C library, as
 * none of 32 bits is needed for anything else: -m32 -nostdlib -static -ffreestanding. Its status
 * is the line of the check that failed, or 0.
 */
#define SYS_EXIT 1
#define SYS_OPEN 5
#define SYS_IOCTL 54
#define O_RDWR 2
#define HEADER_VERSION 0x10001u
#define MAX_PARAMETERS 40

/* _IOC(_IOC_READ | _IOC_WRITE, 'V', number, size) */
#define COMMAND(number, size) (3u << 30 | (unsigned int)(size) << 16 | 'V' << 8 | (number))

static long system_call(long number, long first, long second, long third)
{
	long ret;

	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "a"(number), "b"(first), "c"(second), "d"(third)
			 : "memory");
	return ret;
}

static void check(int condition, int line)
{
	if (!condition)
		system_call(SYS_EXIT, line, 0, 0);
}

#define OK(condition) check(condition, __LINE__)

static int node;

static int call_node(unsigned int number, unsigned int *request, unsigned int size)
{
	request[0] = size;
	request[1] = HEADER_VERSION;
	OK(system_call(SYS_IOCTL, node, (long)COMMAND(number, size), (long)request) == 0);
	return (int)request[3];
}

/* Three words a parameter: type, value or size, address. */
static int call_service(unsigned int client, unsigned int count, unsigned int *parameters,
			unsigned int bytes)
{
	static unsigned int request[10 + 3 * MAX_PARAMETERS];
	int status;

	request[6] = client;
	request[7] = 1; /* QUERY_MAPPINGS */
	request[8] = 0xffffffffu;
	request[9] = count << 16;
	for (unsigned int i = 0; i < 3 * count; i++)
		request[10 + i] = parameters[i];
	status = call_node(6, request, bytes);
	for (unsigned int i = 0; i < 3 * count; i++)
		parameters[i] = request[10 + i];
	return status;
}

static void run(void)
{
	static unsigned int connect[39] = {[6] = 2}, disconnect[7], mappings[128];
	static unsigned int parameters[3 * MAX_PARAMETERS];
	static const char name[] = "VBoxSharedFolders";
	unsigned int address = (unsigned int)(unsigned long)mappings;

	node = (int)system_call(SYS_OPEN, (long)"/dev/vboxuser", O_RDWR, 0);
	OK(node >= 0);
	for (unsigned int i = 0; i < sizeof(name); i++)
		((char *)&connect[7])[i] = name[i];
	OK(call_node(4, connect, sizeof(connect)) == 0);

	parameters[0] = 1;
	parameters[1] = 1;
	parameters[3] = 1;
	parameters[4] = 64;
	parameters[6] = 6;
	parameters[7] = sizeof(mappings);
	parameters[8] = address;
	OK(call_service(connect[6], 3, parameters, 40 + 36) == 0);
	/* three shares; the buffer and the count of mappings have come back */
	OK(parameters[4] == 3 && mappings[0] == 1 && mappings[3] == 1);
	OK(parameters[7] == sizeof(mappings) && parameters[8] == address);
	/* less than was promised; more than is allowed; forms that programs have no business with
	 */
	OK(call_service(connect[6], 3, parameters, 40 + 35) == -2);
	OK(call_service(connect[6], MAX_PARAMETERS, parameters, 40 + 12 * MAX_PARAMETERS) == -2);
	parameters[6] = 10;
	OK(call_service(connect[6], 3, parameters, 40 + 36) == -2);
	parameters[6] = 9;
	OK(call_service(connect[6], 3, parameters, 40 + 36) == -2);
	parameters[6] = 6;
	parameters[8] = 0xfffff000u;
	OK(call_service(connect[6], 3, parameters, 40 + 36) == -6);

	disconnect[6] = connect[6];
	OK(call_node(5, disconnect, sizeof(disconnect)) == 0);
	system_call(SYS_EXIT, 0, 0, 0);
}

__attribute__((force_align_arg_pointer)) void _start(void);
void _start(void)
{
	run();
}
