"""The face for end users: pages of HTML, which need no JavaScript.

Who comes here has a browser session (``jwt_sessions.middleware``). A file for each thing that
people come for, and a template of the same name; ``page.py`` is what the views share.
"""
