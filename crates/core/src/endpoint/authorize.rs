//! The authorization endpoint (RFC 6749 §3.1): a new request, or the user who comes back to one that waits.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};

use crate::authorize::pending::{self, Browser, CONTINUE, FORM_TOKEN, WayBack};
use crate::authorize::{Answer, AuthorizationRequest, check, respond, verify};
use crate::ctx::Ctx;
use crate::error::{Error, Reason};
use crate::event;
use crate::grant_type::NewGrant;
use crate::params::Params;
use crate::reply;
use crate::site::{Approval, Ask, Decision, visible_headers};
use crate::token::issue::{self, CodeFor};
use crate::types::{ErrorCode, ResponseType};

/// Where a request stands when the site adapter is asked.
struct Visit<'a> {
    http: &'a Request<Bytes>,
    id: [u8; 16],
    browser: Browser,
    query: Params,
    form: Params,
    resumed: bool,
}

pub(super) async fn answer(ctx: &Ctx<'_>, http: &Request<Bytes>) -> Response<Bytes> {
    begin(ctx, http).await.unwrap_or_else(|error| shown(ctx, http, &error))
}

/// An error that must not be redirected: shown to the user.
fn shown(ctx: &Ctx<'_>, http: &Request<Bytes>, error: &Error) -> Response<Bytes> {
    event::refused(ctx, "authorize", None, error);
    if let Some(mut page) = ctx.parts.site.error_page(ctx, error) {
        if page.status() == StatusCode::OK {
            *page.status_mut() = error.status();
        }
        reply::guard_page(page.headers_mut());
        page.extensions_mut().insert(Reason::of(error));
        return page;
    }
    reply::error_page(error, http.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()))
}

async fn begin(ctx: &Ctx<'_>, http: &Request<Bytes>) -> Result<Response<Bytes>, Error> {
    let query = Params::of_query(http, &ctx.parts.limits)?;
    let is_post = *http.method() == Method::POST;
    if let Some(id) = query.unambiguous(CONTINUE) {
        let id = pending::id_of(id).ok_or_else(|| {
            Error::invalid_request("This address is not complete.").because("request_id_malformed")
        })?;
        let (request, browser) = pending::resume(ctx, id, http.headers()).await?;
        let form = if is_post { accepted_form(ctx, http, id, &browser)? } else { Params::default() };
        return ask(ctx, Visit { http, id, browser, query, form, resumed: true }, request).await;
    }
    // > The authorization server MUST support the use of the HTTP "GET" method ... and MAY support the use of the "POST"
    // > method as well (RFC 6749 §3.1). Here nothing in the body counts as consent.
    let params =
        if is_post { query.clone().and(Params::of_form(http, &ctx.parts.limits)?) } else { query.clone() };
    let verified = verify(ctx, &params).await?;
    match check(ctx, verified.clone(), &params) {
        Ok(request) => {
            let (id, browser) = Browser::with_new_request(ctx, http.headers())?;
            ask(ctx, Visit { http, id, browser, query, form: Params::default(), resumed: false }, request)
                .await
        }
        Err(error) => {
            event::refused(ctx, "authorize", Some(verified.client.client_id.as_str()), &error);
            Ok(respond(ctx, &verified, Answer::Error(&error)))
        }
    }
}

/// The form of a page, which proves that the page came from here and to this browser.
fn accepted_form(
    ctx: &Ctx<'_>,
    http: &Request<Bytes>,
    id: [u8; 16],
    browser: &Browser,
) -> Result<Params, Error> {
    let form = Params::of_form(http, &ctx.parts.limits)?;
    match form.unambiguous(FORM_TOKEN) {
        Some(token) if browser.accepts(id, token) => Ok(form),
        _ => Err(Error::invalid_request(
            "The form did not come from this sign-in page. Go back and try again.",
        )
        .because("form_token_wrong")),
    }
}

/// Asks the site adapter and does what it says.
async fn ask(
    ctx: &Ctx<'_>,
    visit: Visit<'_>,
    request: AuthorizationRequest,
) -> Result<Response<Bytes>, Error> {
    let headers = visible_headers(visit.http, ctx.parts.site_headers.as_deref());
    let question = Ask {
        request: &request,
        method: visit.http.method(),
        uri: visit.http.uri(),
        headers: &headers,
        extensions: visit.http.extensions(),
        query: &visit.query,
        form: &visit.form,
        way_back: WayBack::new(ctx, visit.id, &visit.browser),
        resumed: visit.resumed,
    };
    let decision = ctx.parts.site.decide(ctx, &question).await;
    if let Ok(Decision::Show(page)) = decision {
        if !visit.resumed {
            pending::keep(ctx, visit.id, &visit.browser, &request).await?;
        }
        return Ok(show(ctx, &visit.browser, page));
    }
    if visit.resumed {
        pending::finish(ctx, visit.id).await?;
    }
    let result = match decision {
        Ok(Decision::Allow(approval)) => grant(ctx, &request, approval).await.map_err(for_front),
        Ok(_) => Err(Error::new(ErrorCode::AccessDenied, "The user said no.").because("user_denied")),
        Err(cause) => Err(Error::new(ErrorCode::ServerError, "The sign-in failed. Try again later.")
            .because("site_adapter_failed")
            .with_source(cause)),
    };
    Ok(match result {
        Ok(answer) => respond(ctx, &request.verified, answer),
        Err(error) => {
            event::refused(ctx, "authorize", Some(request.verified.client.client_id.as_str()), &error);
            respond(ctx, &request.verified, Answer::Error(&error))
        }
    })
}

/// RFC 6749 §4.1.2.1 has no `invalid_grant`: a user or client that may not get tokens is denied.
fn for_front(error: Error) -> Error {
    if *error.code() == ErrorCode::InvalidGrant {
        return Error::new(ErrorCode::AccessDenied, error.description()).because("ended_by_standing");
    }
    error
}

fn show(ctx: &Ctx<'_>, browser: &Browser, mut page: Response<Bytes>) -> Response<Bytes> {
    reply::guard_page(page.headers_mut());
    if let Some(cookie) = browser.set_cookie(ctx) {
        page.headers_mut().append(header::SET_COOKIE, cookie);
    }
    page
}

/// What the user allowed: a code, or with the implicit grant a token.
async fn grant(
    ctx: &Ctx<'_>,
    request: &AuthorizationRequest,
    approval: Approval,
) -> Result<Answer<'static>, Error> {
    let scopes = match &approval.scopes {
        Some(allowed) => request.scopes.only(|scope| allowed.contains(scope)),
        None => request.scopes.clone(),
    };
    let client = &request.verified.client;
    let new = NewGrant::approved(approval).scopes(scopes);
    if request.response_type == ResponseType::TOKEN {
        return Ok(Answer::Token(issue::issue_front(ctx, client, &request.grant_type, new).await?));
    }
    let made_for = CodeFor {
        client,
        grant_type: &request.grant_type,
        redirect_uri: request.verified.redirect_uri_asked.then_some(&*request.verified.redirect_uri),
        challenge: request.challenge.as_ref(),
    };
    Ok(Answer::Code(issue::issue_code(ctx, &made_for, new).await?))
}
