"""Django's cache on a Redis Cluster, which its own backend does not speak: as the docs show it."""

from __future__ import annotations

from functools import cached_property

from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.cluster import RedisCluster


class ClusterClient(RedisCacheClient):
    @cached_property
    def _cluster(self):
        return RedisCluster.from_url(self._servers[0], **self._pool_options)

    def get_client(self, key=None, *, write=False):
        return self._cluster

    def set_many(self, data, timeout):
        for key, value in data.items():
            self.set(key, value, timeout)


class ClusterCache(RedisCache):
    def __init__(self, server, params):
        super().__init__(server, params)
        self._class = ClusterClient
