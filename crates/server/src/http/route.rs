//! The routes beside the provider's endpoints. The pages lie below the path of the issuer.

use http::Method;

use crate::demo::Step;

/// What answers a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    Health,
    Ready,
    Home,
    Account,
    LogIn,
    End,
    Withdraw,
    LogOut,
    Asset(&'static str),
    Demo(Step),
    /// Only where test hooks are on.
    Panic,
}

const ROUTES: [(&str, Route); 13] = [
    ("/", Route::Home),
    ("/account", Route::Account),
    ("/login", Route::LogIn),
    ("/account/end", Route::End),
    ("/account/withdraw", Route::Withdraw),
    ("/logout", Route::LogOut),
    ("/assets/style.css", Route::Asset("style.css")),
    ("/assets/icon.svg", Route::Asset("icon.svg")),
    ("/demo/start", Route::Demo(Step::Start)),
    ("/demo/callback", Route::Demo(Step::Callback)),
    ("/demo/result", Route::Demo(Step::Result)),
    ("/demo/act", Route::Demo(Step::Act)),
    ("/test-hooks/panic", Route::Panic),
];

impl Route {
    /// The route of a path; `base` is the path of the issuer.
    pub(super) fn of(path: &str, base: &str) -> Option<Self> {
        match path {
            "/healthz" => return Some(Self::Health),
            "/readyz" => return Some(Self::Ready),
            _ => {}
        }
        let below = path.strip_prefix(base)?;
        let below = if below.is_empty() { "/" } else { below };
        ROUTES.iter().find(|(own, _)| *own == below).map(|(_, route)| *route)
    }

    /// For the log.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Health => "/healthz",
            Self::Ready => "/readyz",
            _ => ROUTES.iter().find(|(_, own)| *own == self).map_or("none", |(path, _)| path),
        }
    }

    /// For `Allow`.
    pub(super) const fn methods(self) -> &'static str {
        match self {
            Self::LogIn | Self::LogOut => "GET, HEAD, POST",
            Self::End | Self::Withdraw | Self::Demo(Step::Act) => "POST",
            _ => "GET, HEAD",
        }
    }

    pub(super) fn takes(self, method: &Method) -> bool {
        self.methods().split(", ").any(|own| own == method.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Route;

    #[test]
    fn pages_lie_below_the_issuer() {
        assert_eq!(Route::of("/account", ""), Some(Route::Account));
        assert_eq!(Route::of("/auth/account", "/auth"), Some(Route::Account));
        assert_eq!(Route::of("/auth", "/auth"), Some(Route::Home));
        assert_eq!(Route::of("/account", "/auth"), None);
        assert_eq!(Route::of("/readyz", "/auth"), Some(Route::Ready));
        assert_eq!(Route::of("/account/", ""), None);
        assert_eq!(Route::of("//account", ""), None);
    }
}
