"""Django's cookie sessions, each of them a session of ours.

``middleware.py`` of this app asks here with each request; Django's logins and logouts are heard by
``logins``. What a person has proven is kept in ``request.session`` (``credential``) as a token
keeps it, and judged by that, never by the row.
"""
