"""Counting instructions under QEMU's user-mode emulation of the processors of Raspberry Pi boards."""
