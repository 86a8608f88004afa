/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What sf-host makes of QEMU's command line. */
#include "qemu_args.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "leak_check.h"

#define RAM \
	"-object", "memory-backend-memfd,id=ram,size=1G,share=on", "-machine", "memory-backend=ram"

TestSuite(qemu_args, .fini = leak_check);

static void check(const char *const *args, const char *refused_with)
{
	char *message = NULL;
	int error = qemu_args_check((char *const *)args, &message);

	cr_assert_eq(error, refused_with ? -EINVAL : 0, "%s", message);
	if (refused_with)
		cr_assert_not_null(strstr(message, refused_with), "%s", message);
	free(message);
}

#define ACCEPTED(...) check((const char *const[]){"qemu", __VA_ARGS__, NULL}, NULL)
#define REFUSED(with, ...) check((const char *const[]){"qemu", __VA_ARGS__, NULL}, with)

Test(qemu_args, one_cpu)
{
	ACCEPTED(RAM);
	ACCEPTED(RAM, "-smp", "1");
	ACCEPTED(RAM, "-smp", "cpus=1");
	ACCEPTED(RAM, "-smp", "1,sockets=1,cores=1,threads=1,maxcpus=1");
	ACCEPTED(RAM, "--smp", "1");
	ACCEPTED(RAM, "-smp=1");
	ACCEPTED(RAM, "-smp", "0x1");
	ACCEPTED(RAM, "-machine", "pc,smp.cpus=1,accel=tcg");
}

Test(qemu_args, several_cpus)
{
	REFUSED("-smp 2", RAM, "-smp", "2");
	REFUSED("-smp cpus=2", RAM, "-smp", "cpus=2");
	REFUSED("-smp cores=4", RAM, "-smp", "cores=4");
	REFUSED("-smp sockets=1,threads=2", RAM, "-smp", "sockets=1,threads=2");
	REFUSED("-smp 1,maxcpus=2", RAM, "-smp", "1,maxcpus=2");
	REFUSED("-smp 2", RAM, "-smp=2");
	REFUSED("-smp cpus=2", RAM, "--smp=cpus=2");
	REFUSED("-smp 2", "--smp", "2", RAM);
	REFUSED("-smp 4", RAM, "-smp", "1", "-smp", "4");
	REFUSED("-smp 4", RAM, "-smp", "4", "-smp", "1");
	REFUSED("-smp 0", RAM, "-smp", "0");
	REFUSED("-smp 1x", RAM, "-smp", "1x");
	REFUSED("-smp -1", RAM, "-smp", "-1");
	REFUSED("-smp cpus=", RAM, "-smp", "cpus=");
	REFUSED("-machine pc,smp.cpus=2", RAM, "-machine", "pc,smp.cpus=2");
	REFUSED("-machine smp.cores=2", RAM, "-M", "smp.cores=2");
	REFUSED("-smp 18446744073709551617", RAM, "-smp", "18446744073709551617");
}

Test(qemu_args, shared_memory)
{
	ACCEPTED("-machine", "pc,accel=tcg,memory-backend=m", "-object",
		 "memory-backend-file,mem-path=/dev/shm/x,share=yes,id=m,size=1G");
	ACCEPTED("-M", "q35", "-machine", "memory-backend=m", "-object",
		 "memory-backend-memfd,share=true,id=m,size=1G");
	ACCEPTED("-M", "memory-backend=m", "-object=memory-backend-memfd,share=on,id=m,size=1G");
}

Test(qemu_args, memory_that_is_not_shared)
{
	REFUSED("share=on", "-m", "512M");
	REFUSED("share=on", "-object", "memory-backend-memfd,id=ram,size=1G,share=on");
	REFUSED("share=on", "-machine", "memory-backend=ram");
	REFUSED("share=on", "-machine", "memory-backend=ram", "-object",
		"memory-backend-memfd,id=ram,size=1G");
	REFUSED("share=on", "-machine", "memory-backend=ram", "-object",
		"memory-backend-memfd,id=ram,size=1G,share=off");
	REFUSED("share=on", "-machine", "memory-backend=ram", "-object",
		"memory-backend-memfd,id=ram,size=1G,share=on,share=off");
	REFUSED("share=on", "-machine", "memory-backend=ram", "-object",
		"memory-backend-memfd,id=ramx,size=1G,share=on");
	REFUSED("share=on", "-machine", "memory-backend=ramx", "-object",
		"memory-backend-memfd,id=ram,size=1G,share=on");
	REFUSED("share=on", RAM, "-machine", "memory-backend=other");
	REFUSED("share=on", "-machine", "memory-backend=ram", "-object",
		"iothread,id=ram,share=on");
	REFUSED("share=on", "-machine");
}

/* Values of other options are no options. */
Test(qemu_args, looks_at_options_only)
{
	ACCEPTED(RAM, "-name", "smp=2");
	ACCEPTED(RAM, "-smpfoo", "2");
	REFUSED("share=on", "memory-backend=ram", "memory-backend-memfd,id=ram,share=on");
}
