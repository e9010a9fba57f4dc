from django.contrib import admin
from django.contrib.auth import get_user_model

if get_user_model()._meta.app_label == "user_models":
    admin.site.register(get_user_model())
