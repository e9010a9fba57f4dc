"""What each answer tells of the process that gave it."""

import os
from time import monotonic

from django.db import connection


def tell_of_the_worker(get_response):
    def answer(request):
        statements = []

        def note(execute, sql, *arguments):
            statements.append(sql)
            return execute(sql, *arguments)

        with connection.execute_wrapper(note):
            response = get_response(request)
        # All processes of a machine, and all hosts on it, have one monotonic clock.
        response["X-Answered-At"] = repr(monotonic())
        response["X-Worker"] = str(os.getpid())
        response["X-Statements"] = str(len(statements))
        return response

    return answer
