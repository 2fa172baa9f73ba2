"""requests-oauthlib against the server: one session class for each kind of application."""

import os
import urllib.parse

import requests
from oauthlib.oauth2 import BackendApplicationClient, LegacyApplicationClient, MobileApplicationClient, OAuth2Error
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from checks import Checks, refused, same
from user_agent import UserAgent, setting

os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"  # the server is on loopback
os.environ["OAUTHLIB_RELAX_TOKEN_SCOPE"] = "0"

SETTING = setting()
CLIENTS = SETTING["clients"]
METADATA = requests.get(SETTING["issuer"] + "/.well-known/oauth-authorization-server", timeout=30).json()
TOKEN, AUTHORIZE = METADATA["token_endpoint"], METADATA["authorization_endpoint"]
check = Checks("requests-oauthlib")


def basic(name):
    return HTTPBasicAuth(CLIENTS[name]["client_id"], CLIENTS[name]["client_secret"])


def session(name, scope=("read", "write"), **options):
    client = CLIENTS[name]
    options.setdefault("pkce", "S256")
    return OAuth2Session(client["client_id"], redirect_uri=client.get("redirect_uri"), scope=list(scope), **options)


def code_flow(name="web", **options):
    oauth = session(name)
    url, _ = oauth.authorization_url(AUTHORIZE)
    redirect = UserAgent(SETTING).authorize(url)
    oauth.fetch_token(TOKEN, authorization_response=redirect, **(options or {"auth": basic(name)}))
    return oauth


def introspect(token):
    return requests.post(METADATA["introspection_endpoint"], {"token": token}, auth=basic("api"), timeout=30).json()


@check
def code_with_pkce_and_client_secret_basic():
    token = code_flow().token
    same(introspect(token["access_token"])["active"], True)
    assert token["refresh_token"]


@check
def code_with_client_secret_post():
    secret = CLIENTS["post"]["client_secret"]
    assert code_flow("post", client_secret=secret, include_client_id=True).token["access_token"]


@check
def code_of_a_public_client():
    assert code_flow("public", include_client_id=True).token["access_token"]


@check
def refresh_rotates():
    oauth = code_flow()
    old = dict(oauth.token)
    new = oauth.refresh_token(TOKEN, auth=basic("web"))
    assert new["refresh_token"] != old["refresh_token"] and new["access_token"] != old["access_token"]
    same(introspect(new["access_token"])["active"], True)


@check
def an_expired_token_is_refreshed_by_the_session():
    kept = []
    oauth = code_flow()
    expired = dict(oauth.token, expires_in=-10, expires_at=1)
    again = OAuth2Session(
        CLIENTS["web"]["client_id"], token=expired, auto_refresh_url=TOKEN, token_updater=kept.append
    )
    client = CLIENTS["web"]
    answer = again.post(
        METADATA["introspection_endpoint"],
        data={"token": "x"},
        client_id=client["client_id"],
        client_secret=client["client_secret"],
    )
    assert kept and kept[0]["access_token"] != expired["access_token"], answer.status_code


@check
def client_credentials():
    oauth = OAuth2Session(client=BackendApplicationClient(CLIENTS["service"]["client_id"], scope=["read"]))
    token = oauth.fetch_token(TOKEN, auth=basic("service"))
    same(introspect(token["access_token"])["active"], True)
    assert "refresh_token" not in token


@check
def revocation_as_the_library_prepares_it():
    oauth = code_flow()
    refresh = oauth.token["refresh_token"]
    url, headers, body = oauth._client.prepare_token_revocation_request(  # the library has no public call of its own
        METADATA["revocation_endpoint"], refresh, "refresh_token"
    )
    same(requests.post(url, body, headers=headers, auth=basic("web"), timeout=30).status_code, 200)
    same(introspect(oauth.token["access_token"]), {"active": False})
    refused(OAuth2Error, "invalid_grant", lambda: oauth.refresh_token(TOKEN, auth=basic("web")))


@check
def a_wrong_secret_is_invalid_client():
    oauth = OAuth2Session(client=BackendApplicationClient(CLIENTS["service"]["client_id"]))
    auth = HTTPBasicAuth(CLIENTS["service"]["client_id"], "wrong")
    refused(OAuth2Error, "invalid_client", lambda: oauth.fetch_token(TOKEN, auth=auth))


@check
def a_made_up_code_is_invalid_grant():
    oauth = session("web")
    oauth.authorization_url(AUTHORIZE)
    refused(OAuth2Error, "invalid_grant", lambda: oauth.fetch_token(TOKEN, code="made-up", auth=basic("web")))


@check
def a_denied_consent_is_access_denied():
    oauth = session("denied")
    url, _ = oauth.authorization_url(AUTHORIZE)
    redirect = UserAgent(SETTING).authorize(url, "deny")
    call = lambda: oauth.fetch_token(TOKEN, authorization_response=redirect, auth=basic("denied"))  # noqa: E731
    refused(OAuth2Error, "access_denied", call)


@check
def a_request_without_pkce_is_refused():
    url, _ = session("web", pkce=None).authorization_url(AUTHORIZE)
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(UserAgent(SETTING).authorize(url)).query)
    same(query["error"], ["invalid_request"])
    assert "code_challenge" in query["error_description"][0]


if SETTING["legacy"]:

    @check
    def password_grant():
        user = SETTING["user"]
        oauth = OAuth2Session(client=LegacyApplicationClient(CLIENTS["legacy"]["client_id"], scope=["read"]))
        token = oauth.fetch_token(TOKEN, username=user["name"], password=user["password"], auth=basic("legacy"))
        same(introspect(token["access_token"])["active"], True)

    @check
    def implicit_grant():
        client = CLIENTS["implicit"]
        oauth = OAuth2Session(
            client=MobileApplicationClient(client["client_id"]), redirect_uri=client["redirect_uri"], scope=["read"]
        )
        url, _ = oauth.authorization_url(AUTHORIZE)
        token = oauth.token_from_fragment(UserAgent(SETTING).authorize(url))
        same(introspect(token["access_token"])["active"], True)

else:
    print("not checked: password and implicit grant: the server was built without the feature legacy")


check.close()
