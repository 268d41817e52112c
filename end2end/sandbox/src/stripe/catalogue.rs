//! `/v1/products`.

use serde_json::{Value, json};

use super::{
    Stripe,
    errors::{Outcome, Refusal},
    forms::{Metadata, Params},
    pagination,
    records::Product,
};

const FIELDS: [&str; 11] = [
    "active",
    "description",
    "images",
    "marketing_features",
    "metadata",
    "name",
    "shippable",
    "statement_descriptor",
    "tax_code",
    "unit_label",
    "url",
];

impl Stripe {
    /// The product a parameter names.
    pub(super) fn product(&self, id: &str, param: &str) -> Outcome<&Product> {
        self.products
            .get(id)
            .filter(|product| !product.deleted)
            .ok_or_else(|| Refusal::no_such("product", id, param))
    }

    fn live_product(&self, id: &str) -> Outcome<&Product> {
        self.products
            .get(id)
            .filter(|product| !product.deleted)
            .ok_or_else(|| Refusal::not_found("product", id))
    }

    pub(super) fn products_route(
        &mut self,
        verb: &str,
        rest: &[&str],
        p: &Params<'_>,
    ) -> Outcome<Option<Value>> {
        match (verb, rest) {
            ("POST", []) => self.create_product(p).map(Some),
            ("GET", []) => {
                pagination::only_filters(p, &["active", "ids", "shippable", "url"])?;
                let (active, ids) = (p.flag("active")?, p.texts("ids")?);
                let (shippable, url) = (p.flag("shippable")?, p.filled("url")?);
                let (rows, more) = pagination::page(&self.products, None, "product", p, |row| {
                    !row.deleted
                        && active.is_none_or(|active| row.active == active)
                        && (ids.is_empty() || ids.contains(&row.id.as_str()))
                        && shippable.is_none_or(|shippable| row.shippable == Some(shippable))
                        && url.is_none_or(|url| row.url.as_deref() == Some(url))
                })?;
                let data = rows.into_iter().map(render_product).collect();
                Ok(Some(pagination::list(data, more, "/v1/products")))
            }
            ("GET", [id]) => {
                p.only(&[])?;
                self.live_product(id).map(render_product).map(Some)
            }
            ("POST", [id]) => self.update_product(id, p).map(Some),
            ("DELETE", [id]) => {
                p.only(&[])?;
                self.live_product(id)?;
                if self.prices.of(id).next().is_some() {
                    return Err(Refusal::invalid(
                        "This product cannot be deleted because it has one or more user-created prices.",
                    ));
                }
                self.delete_product(id);
                Ok(Some(
                    json!({ "id": id, "object": "product", "deleted": true }),
                ))
            }
            _ => Ok(None),
        }
    }

    fn create_product(&mut self, p: &Params<'_>) -> Outcome {
        let known: Vec<&str> = FIELDS
            .iter()
            .copied()
            .chain(["id", "type", "default_price_data"])
            .collect();
        p.only(&known)?;
        let name = p.need("name")?.to_owned();
        p.choice("type", &["service", "good"])?;
        let id = match p.filled("id")? {
            Some(id) if self.products.has(id) => {
                return Err(Refusal::coded(
                    "resource_already_exists",
                    format!("Product already exists: {id}"),
                )
                .at("id"));
            }
            Some(id) => id.to_owned(),
            None => self.ids.short("prod_"),
        };
        let mut product = self.blank_product(id, name);
        fill(&mut product, p)?;
        let price = match p.hash("default_price_data")? {
            Some(data) => {
                data.only(&[
                    "currency",
                    "unit_amount",
                    "unit_amount_decimal",
                    "recurring",
                    "tax_behavior",
                    "metadata",
                ])?;
                Some(self.read_price(&data, &product.id)?)
            }
            None => None,
        };
        let id = product.id.clone();
        let body = render_product(&product);
        self.products.add(product);
        self.emit("product.created", &body);
        if let Some(price) = price {
            let price = self.put_price(price);
            self.change_product(&id, |product| product.default_price = Some(price));
        }
        Ok(self
            .products
            .get(&id)
            .map(render_product)
            .unwrap_or_default())
    }

    pub(super) fn blank_product(&self, id: String, name: String) -> Product {
        Product {
            id,
            created: self.stamp(),
            updated: self.stamp(),
            active: true,
            deleted: false,
            name,
            description: None,
            metadata: Metadata::new(),
            default_price: None,
            images: Vec::new(),
            features: Vec::new(),
            statement_descriptor: None,
            tax_code: None,
            unit_label: None,
            url: None,
            shippable: None,
        }
    }

    /// Adds a product and tells it.
    pub(super) fn put_product(&mut self, product: Product) {
        let body = render_product(&product);
        self.products.add(product);
        self.emit("product.created", &body);
    }

    fn update_product(&mut self, id: &str, p: &Params<'_>) -> Outcome {
        let known: Vec<&str> = FIELDS.iter().copied().chain(["default_price"]).collect();
        p.only(&known)?;
        let mut draft = self.live_product(id)?.clone();
        if let Some(name) = p.filled("name")? {
            name.clone_into(&mut draft.name);
        }
        fill(&mut draft, p)?;
        if let Some(price) = p.text("default_price")? {
            if !price.is_empty() && self.prices.get(price).is_none_or(|row| row.product != id) {
                return Err(Refusal::no_such("price", price, "default_price"));
            }
            draft.default_price = (!price.is_empty()).then(|| price.to_owned());
        }
        self.change_product(id, |product| *product = draft);
        Ok(self
            .products
            .get(id)
            .map(render_product)
            .unwrap_or_default())
    }

    /// Changes a product; tells it by `product.updated` when something differs.
    pub(super) fn change_product(&mut self, id: &str, change: impl FnOnce(&mut Product)) {
        let now = self.stamp();
        let Some(product) = self.products.get_mut(id) else {
            return;
        };
        let before = render_product(product);
        change(product);
        if render_product(product) != before {
            product.updated = now;
        }
        let after = render_product(product);
        self.emit_change("product.updated", &before, &after);
    }

    /// Deletes a product, its prices with it, as the Dashboard can.
    pub fn delete_product(&mut self, id: &str) {
        for price in self.prices.ids_of(id) {
            self.change_price(&price, |price| price.active = false);
        }
        let Some(product) = self.products.get_mut(id).filter(|product| !product.deleted) else {
            return;
        };
        let body = render_product(product);
        product.deleted = true;
        self.emit("product.deleted", &body);
    }
}

fn fill(product: &mut Product, p: &Params<'_>) -> Outcome<()> {
    p.merge_metadata(&mut product.metadata)?;
    p.set("description", &mut product.description)?;
    p.set("statement_descriptor", &mut product.statement_descriptor)?;
    p.set("tax_code", &mut product.tax_code)?;
    p.set("unit_label", &mut product.unit_label)?;
    p.set("url", &mut product.url)?;
    if let Some(active) = p.flag("active")? {
        product.active = active;
    }
    if let Some(shippable) = p.flag("shippable")? {
        product.shippable = Some(shippable);
    }
    if p.has("images") {
        product.images = p.texts("images")?.into_iter().map(str::to_owned).collect();
    }
    if p.has("marketing_features") {
        let mut features = Vec::new();
        for feature in p.hashes("marketing_features")? {
            feature.only(&["name"])?;
            features.push(feature.need("name")?.to_owned());
        }
        if features.len() > 15 {
            return Err(Refusal::param(
                "marketing_features",
                "You can have at most 15 marketing features.",
            ));
        }
        product.features = features;
    }
    Ok(())
}

pub(super) fn render_product(product: &Product) -> Value {
    if product.deleted {
        return json!({ "id": product.id, "object": "product", "deleted": true });
    }
    let features: Vec<Value> = product
        .features
        .iter()
        .map(|name| json!({ "name": name }))
        .collect();
    json!({
        "id": product.id,
        "object": "product",
        "active": product.active,
        "created": product.created,
        "default_price": product.default_price,
        "description": product.description,
        "images": product.images,
        "livemode": false,
        "marketing_features": features,
        "metadata": product.metadata,
        "name": product.name,
        "package_dimensions": null,
        "shippable": product.shippable,
        "statement_descriptor": product.statement_descriptor,
        "tax_code": product.tax_code,
        "type": "service",
        "unit_label": product.unit_label,
        "updated": product.updated,
        "url": product.url,
    })
}
