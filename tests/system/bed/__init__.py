"""The test bed: guests, namespaces and a Sluice to put them on. One noun a file."""

from .bed import ROOT, Bed, require_root
from .guest import vhost_user_nic
from .process import call, wait_until
from .report import Skip, main

__all__ = ["ROOT", "Bed", "Skip", "call", "main", "require_root", "vhost_user_nic", "wait_until"]
