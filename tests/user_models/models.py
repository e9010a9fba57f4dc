from __future__ import annotations

import uuid

from django.contrib.auth import get_user_model
from django.contrib.auth.models import (
    AbstractBaseUser,
    AbstractUser,
    BaseUserManager,
    PermissionsMixin,
)
from django.db import models
from django_otp.models import Device


class UUIDUser(AbstractUser):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)

    class Meta:
        swappable = "AUTH_USER_MODEL"


class EmailUserManager(BaseUserManager):
    def create_user(self, email, password=None, **fields):
        user = self.model(email=email, **fields)
        user.set_password(password)
        user.save()
        return user


class EmailUser(AbstractBaseUser, PermissionsMixin):
    """Its primary key is text, and it has no `username` at all."""

    email = models.EmailField(primary_key=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)

    objects = EmailUserManager()

    USERNAME_FIELD = "email"

    class Meta:
        swappable = "AUTH_USER_MODEL"


class Customer(get_user_model()):
    """A child of whichever user model this run is about, with a table of its own."""

    city = models.CharField(max_length=50, blank=True)


class PeopleNotHidden(models.Manager):
    """What projects write that delete softly."""

    def get_queryset(self):
        return super().get_queryset().filter(last_login=None)


class ColourDevice(Device):
    """A device that no plugin of django-otp has: its owner knows a colour."""

    id = models.BigAutoField(primary_key=True)
    colour = models.CharField(max_length=20)

    def verify_token(self, token):
        return token == self.colour


class BadgeDevice(Device):
    """The same, with ids that are no numbers."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    colour = models.CharField(max_length=20)

    def verify_token(self, token):
        return token == self.colour
