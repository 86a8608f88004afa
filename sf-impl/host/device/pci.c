/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See pci.h. */
#include "pci.h"

#include <stdbool.h>
#include <string.h>

#define PCI_VENDOR 0x00
#define PCI_DEVICE 0x02
#define PCI_COMMAND 0x04
#define PCI_SUBCLASS 0x0a
#define PCI_BAR0 0x10
#define PCI_INTERRUPT_LINE 0x3c
#define PCI_INTERRUPT_PIN 0x3d

#define PCI_COMMAND_WRITABLE 0x0407u /* ports, memory, bus master, interrupt off */
#define PCI_BAR_IS_PORTS 0x1u

static void put(uint8_t *bytes, uint32_t value, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		bytes[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t get(const uint8_t *bytes, unsigned int n)
{
	uint32_t value = 0;

	for (unsigned int i = 0; i < n; i++)
		value |= (uint32_t)bytes[i] << (8 * i);
	return value;
}

void pci_config_init(struct pci_config *config, const struct pci_identity *identity)
{
	memset(config, 0, sizeof(*config));
	put(config->bytes + PCI_VENDOR, identity->vendor, 2);
	put(config->bytes + PCI_DEVICE, identity->device, 2);
	put(config->bytes + PCI_SUBCLASS, identity->class, 2);
	/* The subsystem ids stay 0: Linux's driver binds to no other. */
	put(config->bytes + PCI_BAR0, PCI_BAR_IS_PORTS, 4);
	put(config->bytes + PCI_INTERRUPT_PIN, 1, 1);

	put(config->writable + PCI_COMMAND, PCI_COMMAND_WRITABLE, 2);
	put(config->writable + PCI_BAR0, ~(identity->port_bytes - 1), 4);
	put(config->writable + PCI_BAR0 + 4, ~(identity->memory_bytes - 1), 4);
	put(config->writable + PCI_INTERRUPT_LINE, 0xff, 1);
}

static bool is_access(uint32_t address, unsigned int bytes)
{
	return (bytes == 1 || bytes == 2 || bytes == 4) && address <= PCI_CONFIG_SIZE - bytes;
}

uint32_t pci_config_read(const struct pci_config *config, uint32_t address, unsigned int bytes)
{
	return is_access(address, bytes) ? get(config->bytes + address, bytes) : UINT32_MAX;
}

void pci_config_write(struct pci_config *config, uint32_t address, uint32_t value,
		      unsigned int bytes)
{
	if (!is_access(address, bytes))
		return;
	for (unsigned int i = 0; i < bytes; i++) {
		uint8_t *byte = &config->bytes[address + i];
		uint8_t mask = config->writable[address + i];

		*byte = (uint8_t)((*byte & ~mask) | ((value >> (8 * i)) & mask));
	}
}

uint32_t pci_config_base(const struct pci_config *config, unsigned int bar)
{
	return get(&config->bytes[PCI_BAR0 + 4 * bar], 4) & ~PCI_BAR_IS_PORTS;
}
