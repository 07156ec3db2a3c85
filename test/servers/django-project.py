"""Makes a Django project's database from JSON on standard input, and answers what Django says of everybody."""

import json
import sys
from datetime import datetime, timezone

wanted = json.load(sys.stdin)

import django
from django.conf import settings

hashers = ["PBKDF2", "PBKDF2SHA1", "Argon2", "BCryptSHA256", "BCrypt", "SHA1", "MD5", "UnsaltedMD5"]
path = "django.contrib.auth.hashers.%sPasswordHasher"
custom = wanted.get("userModel")
if custom:
    sys.path.insert(0, custom["folder"])
settings.configure(
    DATABASES={"default": wanted["database"]},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"] + (["club"] if custom else []),
    AUTH_USER_MODEL="club.Member" if custom else "auth.User",
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    PASSWORD_HASHERS=[path % name for name in hashers],
    USE_TZ=True,
    TIME_ZONE="America/New_York",
)
django.setup()

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command

call_command("migrate", run_syncdb=True, verbosity=0)
User = get_user_model()
post, _ = ContentType.objects.get_or_create(app_label="blog", model="post")
for codename in wanted.get("codenames", []):
    Permission.objects.get_or_create(content_type=post, codename=codename, defaults={"name": "Can " + codename})


def permission(name):
    label, codename = name.split(".", 1)
    return Permission.objects.get(content_type__app_label=label, codename=codename)


for name, permissions in wanted.get("groups", {}).items():
    group, _ = Group.objects.get_or_create(name=name)
    group.permissions.set([permission(each) for each in permissions])

for person in wanted["people"]:
    password = person.pop("password", None)
    hasher = person.pop("hasher", "default")
    groups = person.pop("groups", [])
    permissions = person.pop("permissions", [])
    times = {each: datetime.fromisoformat(person.pop(each)) for each in ("date_joined", "last_login") if each in person}
    user = User(**person, **times)
    user.password = person.get("raw") or make_password(password, None, hasher)
    user.save()
    user.groups.set(Group.objects.filter(name__in=groups))
    user.user_permissions.set([permission(each) for each in permissions])

print(
    json.dumps(
        {
            "users": {
                str(user.pk): {
                    "username": user.get_username(),
                    "password": user.password,
                    "permissions": sorted(user.get_all_permissions()),
                }
                for user in User.objects.all()
            },
            "permissions": {
                "%s.%s" % (each.content_type.app_label, each.codename): each.name
                for each in Permission.objects.select_related("content_type")
            },
        }
    )
)
