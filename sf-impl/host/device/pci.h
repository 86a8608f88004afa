/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configuration space of a PCI function with two base registers. */
#ifndef PCI_H
#define PCI_H

#include <stdint.h>

#define PCI_CONFIG_SIZE 256

struct pci_config {
	uint8_t bytes[PCI_CONFIG_SIZE];
	uint8_t writable[PCI_CONFIG_SIZE]; /* which bits a guest can change */
};

struct pci_identity {
	uint16_t vendor, device;
	uint16_t class; /* base class and subclass */
	uint32_t port_bytes; /* BAR 0, a power of two */
	uint32_t memory_bytes; /* BAR 1, a power of two */
};

/* Also the reset state. */
void pci_config_init(struct pci_config *config, const struct pci_identity *identity);
uint32_t pci_config_read(const struct pci_config *config, uint32_t address, unsigned int bytes);
void pci_config_write(struct pci_config *config, uint32_t address, uint32_t value,
		      unsigned int bytes);

/* Where the guest put a base register: 0 is ports, 1 memory. */
uint32_t pci_config_base(const struct pci_config *config, unsigned int bar);

#endif
