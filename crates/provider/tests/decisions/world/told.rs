//! Who is told that a session is over.

use cardea_provider::{DeliveryOutcome, LogoutDelivery};

use super::World;

impl World {
    /// Takes the deliveries that are due now.
    pub(crate) async fn deliveries(&self) -> Vec<LogoutDelivery> {
        self.provider.take_logouts(|_| 100).await.unwrap()
    }

    /// Tells every client that is due, and says which.
    pub(crate) async fn told(&self) -> Vec<String> {
        let mut told = Vec::new();
        for delivery in self.deliveries().await {
            told.push(delivery.client_id.clone());
            self.finish(delivery, DeliveryOutcome::Delivered).await;
        }
        told.sort();
        told
    }

    pub(crate) async fn finish(&self, delivery: LogoutDelivery, outcome: DeliveryOutcome) {
        self.provider
            .finish_logout(delivery, outcome)
            .await
            .unwrap();
    }
}
