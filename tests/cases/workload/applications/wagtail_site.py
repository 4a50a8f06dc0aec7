"""A Wagtail site, installed by `migrate` and used by `drive`: python wagtail_site.py migrate|drive. Run in a venv with Wagtail.

DATABASE_URL's parts come as PGHOST, PGPORT, PGUSER and PGDATABASE. The site is made in the current folder.
"""

import os
import pathlib
import subprocess
import sys

LOCAL = """
import os
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": os.environ["PGDATABASE"], "USER": os.environ["PGUSER"],
                         "HOST": os.environ["PGHOST"], "PORT": os.environ["PGPORT"]}}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
INSTALLED_APPS += ["wagtail.contrib.settings", "wagtail.contrib.search_promotions"]
DEBUG = False
"""


def make_site():
    # In a process of its own: it sets Django up with settings of its own.
    program = pathlib.Path(sys.executable).with_name("wagtail")
    subprocess.run([str(program), "start", "newspaper", "."], check=True)
    pathlib.Path("newspaper/settings/local.py").write_text("from .base import *\n" + LOCAL)


def django_up():
    sys.path.insert(0, os.getcwd())
    os.environ["DJANGO_SETTINGS_MODULE"] = "newspaper.settings.dev"
    import django

    django.setup()


def drive():
    from django.contrib.auth import get_user_model
    from django.core.files.base import ContentFile
    from django.test import Client
    from wagtail.models import Page

    get_user_model().objects.create_superuser("ada", "ada@example.com", "secret")
    visitor, editor = Client(), Client()
    said = []

    def see(client, method, path, **data):
        answer = getattr(client, method)(path, data or None)
        said.append((path, answer.status_code))
        assert answer.status_code < 500, (path, answer.status_code, answer.content[:500])

    see(visitor, "get", "/")
    see(visitor, "get", "/nothing-here/")
    see(editor, "get", "/admin/login/")
    see(editor, "post", "/admin/login/", username="ada", password="secret")
    home = Page.objects.get(slug="home")
    for turn in range(3):
        title = f"News {turn}"
        see(editor, "get", f"/admin/pages/add/home/homepage/{home.pk}/")
        see(editor, "post", f"/admin/pages/add/home/homepage/{home.pk}/", **{
            "title": title, "slug": f"news-{turn}", "seo_title": "", "search_description": "about it", "action-publish": "1",
            "comments-TOTAL_FORMS": "0", "comments-INITIAL_FORMS": "0", "go_live_at": "", "expire_at": "",
        })
        page = Page.objects.get(slug=f"news-{turn}")
        see(visitor, "get", f"/news-{turn}/")
        see(editor, "get", f"/admin/pages/{page.pk}/edit/")
        see(editor, "post", f"/admin/pages/{page.pk}/edit/", **{
            "title": title + " again", "slug": f"news-{turn}", "seo_title": "", "search_description": "",
            "comments-TOTAL_FORMS": "0", "comments-INITIAL_FORMS": "0", "go_live_at": "", "expire_at": "",
        })
        see(editor, "get", f"/admin/pages/{page.pk}/history/")
        see(visitor, "get", "/search/?query=news")
    for path in (
        "/admin/", f"/admin/pages/{home.pk}/", "/admin/images/", "/admin/documents/", "/admin/users/", "/admin/groups/", "/admin/sites/",
        "/admin/collections/", "/admin/redirects/", "/admin/reports/site-history/", "/admin/workflows/list/", "/admin/pages/search/?q=news",
        "/admin/forms/", "/admin/reports/locked/", "/admin/searchpicks/", "/admin/account/", "/admin/reports/page-types-usage/",
    ):
        see(editor, "get", path)
    see(editor, "post", "/admin/redirects/add/", old_path="/old/", site="", is_permanent="on", redirect_link="/news-0/")
    see(visitor, "get", "/old/")
    see(editor, "post", "/admin/documents/add/", title="Notes", file=ContentFile(b"text", name="notes.txt"), tags="a, b", collection="1")
    see(editor, "post", "/admin/collections/add/", parent="1", name="Pictures")
    see(editor, "post", f"/admin/pages/{page.pk}/unpublish/")
    see(editor, "post", f"/admin/pages/{page.pk}/delete/")
    see(editor, "post", "/admin/logout/")
    return said


if __name__ == "__main__":
    phase = sys.argv[1]
    if phase == "migrate":
        make_site()
    django_up()
    if phase == "migrate":
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
    else:
        print(len(drive()), "pages")
