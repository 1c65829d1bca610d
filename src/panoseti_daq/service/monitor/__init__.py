"""Monitoring: status, metrics, disks, run health, notification of systemd."""
