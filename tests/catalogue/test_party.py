"""Which party is responsible for a control, on a resource and at a scope."""

from __future__ import annotations

from typing import get_args

import pytest

from scanner.catalogue.control import ServiceModel
from scanner.catalogue.responsibility import Catalogue
from scanner.model.resources.base import ProviderName
from tests.catalogue.resources import resource

PROVIDERS: tuple[ProviderName, ...] = get_args(ProviderName)
MODELS: tuple[ServiceModel, ...] = get_args(ServiceModel)
CLOUD_MODELS = frozenset(MODELS) - {"on_prem"}


@pytest.mark.parametrize(
    ("type_", "model"),
    [
        ("aws.s3.bucket", "paas"),
        ("azure.storage.account", "paas"),
        ("gcp.storage.bucket", "paas"),
        ("aws.organizations.account", "paas"),
        ("azure.resources.subscription", "paas"),
        ("gcp.cloudresourcemanager.project", "paas"),
        ("aws.ec2.region", "paas"),
        ("aws.account.account", "paas"),
        ("aws.account.region", "paas"),
        ("azure.resources.location", "paas"),
        ("gcp.compute.region", "paas"),
        ("aws.ec2.instance", "iaas"),
        ("azure.compute.virtualmachine", "iaas"),
        ("gcp.compute.instance", "iaas"),
        ("aws.rds.instance", "paas"),
        ("azure.sqlvirtualmachine.instance", "iaas"),
        ("azure.sql.server", "paas"),
        ("aws.lambda.function", "faas"),
        ("azure.web.functionapp", "faas"),
        ("azure.web.site", "paas"),
        ("gcp.container.cluster", "caas"),
        ("azure.entra.tenant", "saas"),
        ("azure.entra.user", "saas"),
        ("azure.entra.application", "saas"),
        ("azure.authorization.roleassignment", "paas"),
        ("aws.iam.user", "paas"),
        ("aws.iam.access_key", "paas"),
        ("aws.iam.role", "paas"),
        ("gcp.cloudidentity.user", "paas"),
        ("gcp.iam.service_account_key", "paas"),
        ("gcp.iam.binding", "paas"),
        ("aws.cloudtrail.trail", "paas"),
        ("azure.insights.diagnosticsetting", "paas"),
        ("gcp.logging.sink", "paas"),
        ("aws.kms.key", "paas"),
        ("azure.keyvault.key", "paas"),
        ("gcp.cloudkms.crypto_key", "paas"),
        ("aws.ec2.security-group", "iaas"),
        ("azure.network.securitygroup", "iaas"),
        ("gcp.compute.network", "iaas"),
        ("aws.braket.device", None),
        ("aws.s3.bucketpolicy", None),
        ("xaws.ec2.instance", None),
    ],
)
def test_the_service_model_follows_the_type(
    catalogue: Catalogue, type_: str, model: ServiceModel | None
) -> None:
    known = type_.split(".")[0] in PROVIDERS
    found = resource(type_) if known else resource("aws.s3.bucket").model_copy(update={"type": type_})
    assert catalogue.service_model(found) == model


@pytest.mark.parametrize(
    ("control", "type_", "party"),
    [
        ("data.no-public-exposure", "aws.s3.bucket", "customer"),
        ("compute.os-patching", "aws.ec2.instance", "customer"),
        ("compute.os-patching", "aws.rds.instance", "provider"),
        ("compute.os-patching", "aws.eks.cluster", "customer"),
        ("plat.physical-security", "aws.ec2.instance", "provider"),
        ("res.backups", "aws.rds.instance", "customer"),
        ("key.certificates-valid", "aws.acm.certificate", "customer"),
        ("net.admin-ports-closed", "gcp.compute.network", "customer"),
        ("iam.saas-conditional-access", "azure.entra.tenant", "customer"),
        ("iam.mfa-all-humans", "azure.entra.user", "customer"),
        ("key.cmk-controlled", "aws.kms.key", "customer"),
    ],
)
def test_the_party_follows_the_service_model(
    catalogue: Catalogue, control: str, type_: str, party: str
) -> None:
    assert catalogue.party(catalogue.controls[control], resource(type_)) == party


def test_if_both_parties_have_a_part_the_customer_is_responsible(catalogue: Catalogue) -> None:
    control = catalogue.controls["data.encryption-at-rest"]
    assert control.responsibility["paas"] == "both"
    assert catalogue.party(control, resource("aws.s3.bucket")) == "customer"


def test_an_unresolved_service_model_makes_the_customer_responsible_for_every_control(
    catalogue: Catalogue,
) -> None:
    stranger = resource("aws.braket.device")
    parties = {catalogue.party(control, stranger) for control in catalogue.controls.values()}
    assert parties == {"customer"}


def test_an_unexpected_setting_is_the_customers(
    catalogue: Catalogue,
) -> None:
    control = catalogue.controls["compute.cluster-config"]
    assert control.responsibility["paas"] == "none"
    assert catalogue.party(control, resource("aws.s3.bucket")) == "customer"


@pytest.mark.parametrize(
    ("control", "provider", "models", "party"),
    [
        ("compute.os-patching", "aws", {"paas"}, "provider"),
        ("compute.os-patching", "aws", {"paas", "iaas"}, "customer"),
        ("compute.os-patching", "aws", {"paas", "caas"}, "customer"),
        ("plat.physical-security", "gcp", {"iaas", "caas", "paas"}, "provider"),
        ("compute.cluster-config", "azure", {"paas"}, None),
        ("compute.cluster-config", "azure", {"paas", "caas"}, "customer"),
        ("iam.saas-conditional-access", "azure", {"paas"}, None),
        ("iam.saas-conditional-access", "azure", {"saas"}, "customer"),
        ("iam.saas-conditional-access", "aws", {"saas"}, None),
        ("ext.endpoint-devices", "aws", {"paas"}, "customer"),
        ("gov.awareness-shared-responsibility", "aws", {"paas"}, "customer"),
    ],
)
def test_at_a_scope_one_customer_side_model_is_enough(
    catalogue: Catalogue, control: str, provider: ProviderName, models: set[ServiceModel], party: str | None
) -> None:
    assert catalogue.party_at_scope(catalogue.controls[control], provider, frozenset(models)) == party


def test_an_additional_service_model_never_makes_the_provider_responsible(catalogue: Catalogue) -> None:
    for control in catalogue.controls.values():
        for provider in PROVIDERS:
            for one in CLOUD_MODELS:
                if catalogue.party_at_scope(control, provider, frozenset({one})) != "customer":
                    continue
                for other in CLOUD_MODELS:
                    assert catalogue.party_at_scope(control, provider, frozenset({one, other})) == "customer"


def test_a_scope_with_no_known_models_counts_as_using_all(catalogue: Catalogue) -> None:
    for control in catalogue.controls.values():
        for provider in PROVIDERS:
            assert catalogue.party_at_scope(control, provider, frozenset()) == catalogue.party_at_scope(
                control, provider, CLOUD_MODELS
            )
