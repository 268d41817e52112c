//! Rows in the order they were made, found by id or by whom they belong to without a scan.

use std::collections::HashMap;

/// Something with an id and a moment of creation.
pub(super) trait Row {
    fn id(&self) -> &str;
    /// UTC epoch seconds.
    fn created(&self) -> i64;
    /// Other ids under which this row is listed: its customer, subscription, …
    fn owners(&self) -> Vec<&str> {
        Vec::new()
    }
}

#[derive(Debug)]
pub(super) struct Table<T> {
    rows: Vec<T>,
    places: HashMap<String, usize>,
    owned: HashMap<String, Vec<usize>>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            places: HashMap::new(),
            owned: HashMap::new(),
        }
    }
}

impl<T: Row> Table<T> {
    pub fn add(&mut self, row: T) {
        let place = self.rows.len();
        for owner in row.owners() {
            self.owned.entry(owner.to_owned()).or_default().push(place);
        }
        self.places.insert(row.id().to_owned(), place);
        self.rows.push(row);
    }

    /// Lists an existing row under one more owner.
    pub fn link(&mut self, id: &str, owner: &str) {
        if let Some(&place) = self.places.get(id) {
            let list = self.owned.entry(owner.to_owned()).or_default();
            if let Err(at) = list.binary_search(&place) {
                list.insert(at, place);
            }
        }
    }

    pub fn get(&self, id: &str) -> Option<&T> {
        self.places.get(id).map(|&place| &self.rows[place])
    }

    pub fn get_mut(&mut self, id: &str) -> Option<&mut T> {
        self.places.get(id).map(|&place| &mut self.rows[place])
    }

    pub fn has(&self, id: &str) -> bool {
        self.places.contains_key(id)
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.rows.iter()
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Rows of one owner, oldest first.
    pub fn of(&self, owner: &str) -> impl DoubleEndedIterator<Item = &T> {
        self.owned
            .get(owner)
            .into_iter()
            .flatten()
            .map(|&place| &self.rows[place])
    }

    /// Ids of one owner's rows, oldest first.
    pub fn ids_of(&self, owner: &str) -> Vec<String> {
        self.of(owner).map(|row| row.id().to_owned()).collect()
    }

    /// Newest first from just below `below` (an id), of one owner or of all.
    pub fn older(
        &self,
        owner: Option<&str>,
        below: Option<&str>,
    ) -> Box<dyn Iterator<Item = &T> + '_> {
        let place = below
            .and_then(|id| self.places.get(id))
            .copied()
            .unwrap_or(self.rows.len());
        match owner {
            None => Box::new(self.rows[..place].iter().rev()),
            Some(owner) => {
                let list = self.owned.get(owner).map_or(&[][..], Vec::as_slice);
                let end = list.partition_point(|&at| at < place);
                Box::new(list[..end].iter().rev().map(|&at| &self.rows[at]))
            }
        }
    }

    /// Oldest first from just above `above` (an id), of one owner or of all.
    pub fn newer(&self, owner: Option<&str>, above: &str) -> Box<dyn Iterator<Item = &T> + '_> {
        let start = self
            .places
            .get(above)
            .map_or(self.rows.len(), |place| place + 1);
        match owner {
            None => Box::new(self.rows[start..].iter()),
            Some(owner) => {
                let list = self.owned.get(owner).map_or(&[][..], Vec::as_slice);
                let from = list.partition_point(|&at| at < start);
                Box::new(list[from..].iter().map(|&at| &self.rows[at]))
            }
        }
    }
}
