from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import (
    AbstractBaseUser,
    AbstractUser,
    BaseUserManager,
    PermissionsMixin,
    UserManager,
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


class FoundManager(UserManager):
    def get_queryset(self):
        return super().get_queryset().filter(is_deleted=False)


class EmailUser(AbstractBaseUser, PermissionsMixin):
    """Its primary key is text, and it has no `username` at all."""

    email = models.EmailField(primary_key=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)

    objects = EmailUserManager()

    USERNAME_FIELD = "email"

    class Meta:
        swappable = "AUTH_USER_MODEL"


if settings.AUTH_USER_MODEL == "user_models.Person":

    class Account(AbstractUser):
        """What every account has."""

        registered_as = models.CharField(max_length=50, blank=True)

    class Person(Account):
        """A user model whose rows lie in two tables, and who is not everybody's to find."""

        born_on = models.DateField(null=True)
        is_deleted = models.BooleanField(default=False)

        objects = FoundManager()
        everyone = UserManager()


class Customer(get_user_model()):
    """A child of whichever user model this run is about, with a table of its own."""

    city = models.CharField(max_length=50, blank=True)


class Member(get_user_model()):
    """A proxy of whichever user model this run is about."""

    class Meta:
        proxy = True


class Reversed(models.CharField):
    """A field that is stored otherwise than it is read."""

    def from_db_value(self, value, expression, connection):
        return None if value is None else value[::-1]

    def get_prep_value(self, value):
        return None if value is None else value[::-1]


class Cents(models.DecimalField):
    """A field that makes something else of what the backend has made of the value."""

    def from_db_value(self, value, expression, connection):
        return None if value is None else value * 100


class Robot(models.Model):
    """Somebody with fields of all kinds, who takes note of how it is made.

    Neither is the key the first column, nor the first one always filled.
    """

    maker = models.ForeignKey("self", null=True, on_delete=models.CASCADE)
    serial = models.UUIDField(primary_key=True, default=uuid.uuid4)
    motto = Reversed(max_length=50, db_column="Of The Heart")
    price = Cents(max_digits=10, decimal_places=2)
    uptime = models.DurationField()
    firmware = models.BinaryField()
    settings = models.JSONField(null=True)
    built_on = models.DateField()
    wakes_at = models.TimeField()
    weight = models.FloatField()

    @classmethod
    def from_db(cls, db, field_names, values, **options):
        robot = super().from_db(db, field_names, values, **options)
        robot.came_from = db, tuple(field_names)
        return robot


class Locker(models.Model):
    """What may belong to anybody."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    customer = models.ForeignKey(Customer, null=True, on_delete=models.CASCADE, related_name="+")
    member = models.ForeignKey(Member, null=True, on_delete=models.CASCADE, related_name="+")
    robot = models.OneToOneField(Robot, null=True, on_delete=models.CASCADE)
    number = models.IntegerField(default=0)


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


class LenientDevice(Device):
    """What many plugins do: whatever is the same number is the same code."""

    id = models.BigAutoField(primary_key=True)

    def verify_token(self, token):
        return int(token) == 123456
