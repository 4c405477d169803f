//! A plugin with what its instances are made of.

use std::ops::Deref;
use std::sync::Arc;

use crate::engine::opaque::Opaque;
use crate::instance::plugin::{Parts, Plugin};
use crate::instance::template::Template;

/// One version of one plugin, ready to be instantiated.
pub(crate) struct Loaded {
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) template: Opaque<Template>,
}

impl Loaded {
    /// A new version.
    pub(crate) fn new(parts: Parts, template: Opaque<Template>) -> Self {
        let plugin = Plugin::new(parts, template.exports(), template.imports_at_once());
        Self {
            plugin: Arc::new(plugin),
            template,
        }
    }
}

impl Deref for Loaded {
    type Target = Plugin;

    fn deref(&self) -> &Plugin {
        &self.plugin
    }
}
