"""System checks: a half-configured installation is refused, with an id and a hint.

Ids are stable. E: it would not work or not be safe. W: it works, but not as one might think. Each
rule is a function without arguments that yields what it complains about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.core import checks
from django.core.checks import CheckMessage, Tags

from jwt_sessions.checks import (
    browser,
    database,
    keys,
    limits,
    project,
    revocation,
    second_factor,
    simplejwt,
    stock_admin,
    values,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Rule = Callable[[], Iterator[CheckMessage]]
    DatabaseRule = Callable[[Sequence[str] | None], Iterator[CheckMessage]]

RULES: Final[tuple[Rule, ...]] = (
    values.setting_is_a_dict,
    values.names_are_known,
    values.durations_are_timedeltas,
    values.values_have_their_types,
    values.header_can_be_found,
    values.proxies_are_counted,
    values.issuer_is_set,
    keys.issuers_are_named,
    keys.keys_can_serve,
    keys.a_key_signs,
    keys.nothing_is_set_in_vain,
    values.claims_keep_their_meaning,
    values.claims_have_names_of_their_own,
    values.lifetimes_are_in_order,
    values.locks_are_in_order,
    values.access_tokens_are_short,
    values.rotation_is_on,
    limits.session_limit_can_serve,
    limits.throttle_rates_can_serve,
    revocation.revocation_check_is_known,
    revocation.cache_of_revocations_is_shared,
    revocation.nothing_is_set_for_the_other_check,
    revocation.requests_see_what_is_committed,
    simplejwt.rotation_is_chosen,
    simplejwt.nothing_else_is_asked,
    simplejwt.its_class_authenticates_nobody,
    project.user_id_field_names_one_person,
    project.user_authentication_rule_can_be_called,
    project.extra_claims_can_be_called,
    project.sessions_live_beside_users,
    project.times_have_zones,
    second_factor.functions_can_be_called,
    second_factor.methods_are_known,
    second_factor.sms_can_be_sent,
    second_factor.tries_are_counted,
    second_factor.encryption_keys_can_serve,
    stock_admin.stock_devices_hide_their_secrets,
    browser.pages_have_their_middleware,
    browser.no_other_middleware_signs_in,
    browser.a_code_can_be_entered,
)
DEPLOY_RULES: Final[tuple[Rule, ...]] = (
    keys.signing_key_is_set,
    keys.signing_key_is_young,
    limits.throttles_can_count,
    project.https_is_used,
    project.links_in_mails_lead_here,
    second_factor.encryption_keys_are_set,
)
# They ask the database, which Django's `check` does only where it is told to, and `migrate`.
DATABASE_RULES: Final[tuple[DatabaseRule, ...]] = (
    database.mariadb_sorts_ids_by_time,
    second_factor.stored_secrets_can_be_read,
    second_factor.no_stock_factor_is_forgotten,
)


def register() -> None:
    """Register every rule with Django."""
    for rule in RULES:
        checks.register(_as_check(rule), Tags.security)
    for rule in DEPLOY_RULES:
        checks.register(_as_check(rule), Tags.security, deploy=True)
    for database_rule in DATABASE_RULES:
        checks.register(_as_database_check(database_rule), Tags.database)


def _as_check(rule: Rule) -> Any:
    def check(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
        return list(rule())

    check.__name__ = rule.__name__
    return check


def _as_database_check(rule: DatabaseRule) -> Any:
    def check(
        app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any
    ) -> list[CheckMessage]:
        return list(rule(databases))

    check.__name__ = rule.__name__
    return check
