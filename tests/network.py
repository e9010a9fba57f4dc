"""Hosts with cables to them: network namespaces of Linux's, which cost nothing and need root."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from tests.servers import do_without, need

# Kept free for tests of networks by RFC 2544; each run has eight networks of four addresses.
FIRST = 198 << 24 | 18 << 16
RUNS = 1 << 12


def need_namespaces():
    """Return where `ip` is; where no host can be made skip, and say so, or fail where CI runs."""
    program, name = need("ip"), f"jwts{os.getpid()}"
    sweep(program)
    command = [program, "netns", "add", name]
    tried = subprocess.run(command, check=False, capture_output=True, text=True)
    if tried.returncode:
        do_without(f"no network namespace can be made: {tried.stderr.strip()}")
    subprocess.run([program, "netns", "delete", name], check=True)
    return program


def sweep(program):
    """Remove what runs have left that were killed."""
    for kind in ("netns", "link"):
        command = [program, "-o", kind, "show"]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        for name, pid in re.findall(r"\b(jwts(\d+)\w*)", told):
            if not Path("/proc", pid).exists():
                subprocess.run([program, kind, "delete", name], check=False, capture_output=True)


class Cable:
    """A cable from here to a host, with an address at each end."""

    made = 0

    def __init__(self, host):
        number = Cable.made % 8
        Cable.made += 1
        first = FIRST + (os.getpid() % RUNS * 8 + number) * 4
        self.here, self.there = written(first + 1), written(first + 2)
        self.name, self.host = f"jwts{os.getpid()}c{number}", host
        end = f"eth{number}"
        peer = ["peer", "name", end, "netns", host.name]
        host.ip("link", "add", self.name, "type", "veth", *peer)
        host.ip("address", "add", f"{self.here}/30", "dev", self.name)
        host.ip("-n", host.name, "address", "add", f"{self.there}/30", "dev", end)
        host.ip("-n", host.name, "link", "set", end, "up")
        self.plug_in()

    def plug_in(self):
        self.host.ip("link", "set", self.name, "up")

    def pull_out(self):
        """At this end, so that what the host sends vanishes, and nothing tells it so."""
        self.host.ip("link", "set", self.name, "down")


def written(number):
    return ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))


class Host:
    """A host, with a cable to the database, one to the cache and one to the callers."""

    def __init__(self, name, program):
        self.program, self.name, self.cables = program, f"jwts{os.getpid()}{name}", []
        self.ip("netns", "add", self.name)
        try:
            self.to_database, self.to_cache, self.to_callers = (
                self.cable(),
                self.cable(),
                self.cable(),
            )
        except BaseException:
            self.remove()
            raise

    def cable(self):
        self.cables.append(Cable(self))
        return self.cables[-1]

    @property
    def apart(self):
        """What a command begins with that runs there."""
        return [self.program, "netns", "exec", self.name]

    def remove(self):
        for cable in self.cables:
            self.ip("link", "delete", cable.name)
        self.ip("netns", "delete", self.name)

    def ip(self, *arguments):
        subprocess.run([self.program, *arguments], check=True)
