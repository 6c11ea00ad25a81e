//! Every page reads its hundred and fifty fragments from files that have not changed since the start.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::Twin;

trait Fragments: Send + Sync {
    fn fragment(&self, name: &str) -> io::Result<String>;
}

struct Folder(PathBuf);

impl Fragments for Folder {
    fn fragment(&self, name: &str) -> io::Result<String> {
        std::fs::read_to_string(self.0.join(name)) // guilty
    }
}

struct Kept(HashMap<String, String>);

impl Fragments for Kept {
    fn fragment(&self, name: &str) -> io::Result<String> {
        self.0.get(name).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

struct Site {
    names: Vec<String>,
    fragments: Box<dyn Fragments>,
}

impl Site {
    fn page(&self) -> io::Result<String> {
        let mut page = String::new();
        for name in &self.names {
            page.push_str(&self.fragments.fragment(name)?); // guilty
        }
        Ok(page)
    }
}

async fn page(State(site): State<Arc<Site>>) -> String {
    site.page().unwrap_or_else(|error| error.to_string())
}

fn written(folder: &Path) -> io::Result<Vec<String>> {
    std::fs::create_dir_all(folder)?;
    let names: Vec<String> = (0..150).map(|number| format!("part-{number}.html")).collect();
    for name in &names {
        std::fs::write(folder.join(name), format!("<p>{name}</p>\n"))?;
    }
    Ok(names)
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let folder = std::env::temp_dir().join("faulty-fragments");
    let names = written(&folder)?;
    let folder = Folder(folder);
    let fragments: Box<dyn Fragments> = match twin {
        Twin::Broken => Box::new(folder),
        Twin::Healthy => {
            let read = names.iter().map(|name| Ok((name.clone(), folder.fragment(name)?)));
            Box::new(Kept(read.collect::<io::Result<_>>()?))
        }
    };
    crate::http::runtime()?.block_on(async move {
        let router = Router::new().route("/", get(page)).with_state(Arc::new(Site { names, fragments }));
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, router).await
    })
}
