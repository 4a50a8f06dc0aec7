"""I Hate Money, a budget of friends: python ihatemoney_site.py migrate|drive. Run in a venv with ihatemoney and psycopg2.

The database comes as PGHOST, PGPORT, PGUSER and PGDATABASE.
"""

import os
import sys

from ihatemoney.run import create_app


class Settings:
    SQLALCHEMY_DATABASE_URI = "postgresql+psycopg2://{PGUSER}@{PGHOST}:{PGPORT}/{PGDATABASE}".format(**os.environ)
    SECRET_KEY = "for this test"
    WTF_CSRF_ENABLED = False
    TESTING = True
    SESSION_COOKIE_SECURE = False
    RATELIMIT_ENABLED = False
    ACTIVATE_DEMO_PROJECT = True
    MAIL_SUPPRESS_SEND = True


def drive(app):
    client = app.test_client()
    said = []

    def see(method, path, *expected, **data):
        answer = getattr(client, method)(path, data=data or None, follow_redirects=method == "get")
        said.append((path, answer.status_code))
        assert answer.status_code in (expected or (200, 302)), (path, answer.status_code, answer.data[:800])
        return answer

    see("get", "/")
    see("post", "/create", name="Journey", id="journey", password="secret", contact_email="ada@example.com", default_currency="XXX")
    for name in ("Ada", "Grace", "Edsger"):
        see("post", "/journey/members/add", name=name)
    for turn in range(4):
        see("post", "/journey/add", date="2026-01-0%d" % (turn + 1), what="Bread %d" % turn, payer=str(1 + turn % 3),
            payed_for=["1", "2", "3"], amount=str(10 + turn), external_link="", original_currency="XXX", bill_type="Expense")
    see("get", "/journey/add")
    see("get", "/journey/")
    see("get", "/journey/?search=bread")
    see("get", "/journey/edit/1")
    see("post", "/journey/edit/1", date="2026-01-09", what="Cheese", payer="1", payed_for=["1", "2"], amount="7", external_link="",
        original_currency="XXX", bill_type="Expense")
    see("get", "/journey/members/2/edit")
    see("post", "/journey/members/2/edit", name="Grace H.", weight="2")
    for path in ("settle_bills", "statistics", "history", "export/bills.json", "export/transactions.csv", "invite", "edit"):
        see("get", "/journey/" + path)
    see("post", "/journey/delete/2")
    see("post", "/journey/members/3/delete")
    see("post", "/journey/members/3/reactivate")
    see("post", "/exit")
    see("post", "/authenticate", id="journey", password="secret")
    see("get", "/journey/")
    see("get", "/demo")
    basic = {"Authorization": "Basic am91cm5leTpzZWNyZXQ="}
    for path in ("", "/bills", "/members", "/statistics", "/bills/1"):
        answer = client.get("/api/projects/journey" + path, headers=basic)
        assert answer.status_code == 200, (path, answer.status_code, answer.data[:300])
    answer = client.post("/api/projects/journey/members", headers=basic, data={"name": "Barbara", "weight": 1})
    assert answer.status_code == 201, answer.data
    return said


if __name__ == "__main__":
    application = create_app(Settings, instance_path=os.getcwd())
    if sys.argv[1] == "drive":
        print(len(drive(application)), "pages")
