"""A person with a browser, as a script: opens an authorization URL, fills the forms of the pages it is shown
(login, then consent) and stops at the redirect to the client.

    python user_agent.py allow|deny|wrong URL      prints the address that the browser was sent to at the end

It works as a browser without script would: forms and cookies only. The setting comes from GRANTOR_TEST (see run.py).
"""

import html.parser
import http.client
import json
import os
import re
import sys
import urllib.parse

MAX_PAGES = 8
YES = re.compile(r"\b(allow|accept|approve|grant|agree|continue|yes|sign in|log in|login)\b", re.I)
NO = re.compile(r"\b(deny|decline|refuse|cancel|reject|no)\b", re.I)


class Form:
    def __init__(self, attributes):
        self.action = attributes.get("action") or ""
        self.method = (attributes.get("method") or "get").upper()
        self.fields = []  # (type, name, value)
        self.buttons = []  # [name, value, label]

    def has(self, kind):
        return any(field[0] == kind for field in self.fields)


class Page(html.parser.HTMLParser):
    """The forms of a page, and its text for error messages."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.forms, self.words, self._form, self._button = [], [], None, None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == "form":
            self._form = Form(attributes)
            self.forms.append(self._form)
        elif self._form is None:
            return
        elif tag == "input":
            kind = (attributes.get("type") or "text").lower()
            name, value = attributes.get("name"), attributes.get("value") or ""
            if kind == "submit":
                self._form.buttons.append([name, value, value])
            elif kind not in ("checkbox", "radio") or "checked" in attributes:
                self._form.fields.append((kind, name, value))
        elif tag == "button" and (attributes.get("type") or "submit") == "submit":
            self._button = [attributes.get("name"), attributes.get("value") or "", ""]
            self._form.buttons.append(self._button)

    def handle_endtag(self, tag):
        if tag == "form":
            self._form = None
        elif tag == "button":
            self._button = None

    def handle_data(self, data):
        if self._button is not None:
            self._button[2] += data
        if data.strip():
            self.words.append(data.strip())


class UserAgent:
    """One browser profile: cookies live as long as the object."""

    def __init__(self, setting):
        self.issuer = setting["issuer"]
        self.user = setting["user"]
        self.cookies = {}
        self.status = 0

    def request(self, method, url, fields=None):
        """One request, no redirect followed: status, location or None, text."""
        parts = urllib.parse.urlsplit(url)
        headers = {"Accept": "text/html", "Host": parts.netloc}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        body = None
        if method == "POST":
            body = urllib.parse.urlencode(fields or [])
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            headers["Origin"] = f"{parts.scheme}://{parts.netloc}"
        elif fields:
            parts = parts._replace(query=urllib.parse.urlencode(fields))
        connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=30)
        try:
            connection.request(method, parts._replace(scheme="", netloc="", fragment="").geturl() or "/", body, headers)
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
        finally:
            connection.close()
        for line in answer.headers.get_all("Set-Cookie") or []:
            self._keep(line)
        self.status = answer.status
        return answer.status, answer.headers.get("Location"), text

    def _keep(self, line):
        pair, *attributes = [part.strip() for part in line.split(";")]
        name, _, value = pair.partition("=")
        gone = any(attribute.lower() in ("max-age=0", "max-age=-1") for attribute in attributes)
        if gone or not value:
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value

    def _is_ours(self, url):
        ours, theirs = urllib.parse.urlsplit(self.issuer), urllib.parse.urlsplit(url)
        return (ours.scheme, ours.netloc) == (theirs.scheme, theirs.netloc) and not theirs.path.startswith("/callback")

    def authorize(self, url, answer="allow"):
        """Follows the flow to its end and returns the URL of the client that the browser is sent to."""
        method, fields = "GET", None
        for _ in range(MAX_PAGES):
            status, location, text = self.request(method, url, fields)
            if location is not None and 300 <= status < 400:
                url, method, fields = urllib.parse.urljoin(url, location), "GET", None
                if not self._is_ours(url):
                    return url
                continue
            page = Page(text)
            form, pressed = self._choose(page, answer)
            if form is None:
                raise RuntimeError(f"{status} from {url.split('?')[0]} and no form to go on with: {' '.join(page.words)[:300]}")
            target = urllib.parse.urljoin(url, form.action) if form.action else url
            values = self._fill(form, answer)
            if not self._is_ours(target):  # response_mode=form_post
                return target + "?" + urllib.parse.urlencode(values)
            if pressed and pressed[0]:
                values.append((pressed[0], pressed[1]))
            if answer == "wrong" and form.has("password"):
                status, location, text = self.request(form.method, target, values)
                return f"{status} {' '.join(Page(text).words)}"
            url, method, fields = target, form.method, values
        raise RuntimeError(f"no end after {MAX_PAGES} pages, last {url}")

    def _choose(self, page, answer):
        for form in page.forms:
            if form.has("password"):
                return form, next(iter(form.buttons), None)
        wanted = NO if answer == "deny" else YES
        for form in page.forms:
            for button in form.buttons:
                if wanted.search(button[2]) or wanted.search(button[1]):
                    return form, button
            if not self._is_ours(form.action) and form.action:
                return form, None
        return None, None

    def _fill(self, form, answer):
        values = []
        for kind, name, value in form.fields:
            if kind == "password":
                value = self.user["password"] + ("x" if answer == "wrong" else "")
            elif kind in ("text", "email"):
                value = self.user["name"]
            if name:
                values.append((name, value))
        return values


def setting():
    return json.loads(os.environ["GRANTOR_TEST"])


if __name__ == "__main__":
    print(UserAgent(setting()).authorize(sys.argv[2], sys.argv[1]))
