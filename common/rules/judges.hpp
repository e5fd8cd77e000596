#pragma once
#include "common/rules/rule.hpp"

/// The functions of the rules, one for each row of table.cpp. The words are in the rows.
namespace rules::judge {

// service_union.cpp
void models_required(const Service& service, const Report& report);
void model_ref_forbidden(const Service& service, const Report& report);
void model_ref_required(const Service& service, const Report& report);
void models_forbidden(const Service& service, const Report& report);
void runtime_known(const Service& service, const Report& report);
void router_ignored(const Service& service, const Report& report);

// metadata.cpp
void object_name(const Service& service, const Report& report);
void object_name(const ModelObject& model, const Report& report);
void object_labels(const Service& service, const Report& report);
void object_labels(const ModelObject& model, const Report& report);

// service_names.cpp
void service_name_length(const Service& service, const Report& report);
void service_name_letter(const Service& service, const Report& report);
void model_entry_name(const Service& service, const Report& report);
void model_entry_unique(const Service& service, const Report& report);
void alias_text(const Service& service, const Report& report);
void alias_unique(const Service& service, const Report& report);

// service_router.cpp
void preload_known(const Service& service, const Report& report);
void preload_unique(const Service& service, const Report& report);
void preload_count(const Service& service, const Report& report);
void residency_bounds(const Service& service, const Report& report);
void scheduling_unused(const Service& service, const Report& report);
void loaded_models_unused(const Service& service, const Report& report);
void loaded_models_one_gpu(const Service& service, const Report& report);
void ignored_field(const Service& service, const Report& report);
void quantised_cache(const Service& service, const Report& report);

// service_flags.cpp
void flag_unknown(const Service& service, const Report& report);
void flag_other_build(const Service& service, const Report& report);
void flag_word(const Service& service, const Report& report);
void flag_value_missing(const Service& service, const Report& report);
void flag_value_unexpected(const Service& service, const Report& report);
void flag_removed(const Service& service, const Report& report);
void flag_reserved(const Service& service, const Report& report);
void flag_place(const Service& service, const Report& report);
void flag_text(const Service& service, const Report& report);
void flag_value(const Service& service, const Report& report);
void flag_value_cut(const Service& service, const Report& report);
void flag_beside_field(const Service& service, const Report& report);
void flag_moved(const Service& service, const Report& report);
void flag_twice(const Service& service, const Report& report);
void override_form(const Service& service, const Report& report);
void preset_text(const Service& service, const Report& report);
void env_reserved(const Service& service, const Report& report);
void env_name(const Service& service, const Report& report);
void env_twice(const Service& service, const Report& report);
void env_source(const Service& service, const Report& report);
void env_reference(const Service& service, const Report& report);

// service_resources.cpp
void quantity(const Service& service, const Report& report);
void quantity_fraction(const Service& service, const Report& report);
void quantity_negative(const Service& service, const Report& report);
void resource_name(const Service& service, const Report& report);
void resource_twice(const Service& service, const Report& report);
void request_over_limit(const Service& service, const Report& report);
void gpu_whole(const Service& service, const Report& report);
void gpu_none(const Service& service, const Report& report);
void gpu_limit(const Service& service, const Report& report);
void gpu_vendors(const Service& service, const Report& report);
void gpu_missing(const Service& service, const Report& report);
void sharing_profile(const Service& service, const Report& report);
void sharing_profile_missing(const Service& service, const Report& report);
void sharing_profile_unused(const Service& service, const Report& report);
void sharing_limit_unused(const Service& service, const Report& report);

// service_workload.cpp
void ephemeral_claim(const Service& service, const Report& report);
void claim_name(const Service& service, const Report& report);
void draft_missing(const Service& service, const Report& report);
void draft_name(const Service& service, const Report& report);
void draft_unused(const Service& service, const Report& report);
void draft_twice(const Service& service, const Report& report);
void draft_file(const Service& service, const Report& report);
void autoscaling_bounds(const Service& service, const Report& report);
void autoscaling_target(const Service& service, const Report& report);
void autoscaling_value(const Service& service, const Report& report);
void autoscaling_name(const Service& service, const Report& report);
void autoscaling_request(const Service& service, const Report& report);
void autoscaling_model_metric(const Service& service, const Report& report);
void autoscaling_scales_pods(const Service& service, const Report& report);
void replicas_many(const Service& service, const Report& report);
void image(const Service& service, const Report& report);
void bind_address(const Service& service, const Report& report);
void endpoint_path(const Service& service, const Report& report);
void container_port(const Service& service, const Report& report);
void node_port_unused(const Service& service, const Report& report);
void class_name(const Service& service, const Report& report);

// service_probes.cpp
void probe_handler(const Service& service, const Report& report);
void probe_port(const Service& service, const Report& report);
void probe_count(const Service& service, const Report& report);
void probe_readiness(const Service& service, const Report& report);
void probe_field(const Service& service, const Report& report);

// service_pod.cpp
void label_syntax(const Service& service, const Report& report);
void annotation_key(const Service& service, const Report& report);
void label_owned(const Service& service, const Report& report);
void volume_name(const Service& service, const Report& report);
void volume_source(const Service& service, const Report& report);
void mount_place(const Service& service, const Report& report);
void mount_path(const Service& service, const Report& report);
void mount_volume(const Service& service, const Report& report);
void volume_field(const Service& service, const Report& report);
void mount_field(const Service& service, const Report& report);
void security_context(const Service& service, const Report& report);
void run_as_root(const Service& service, const Report& report);
void privileged(const Service& service, const Report& report);

// service_scheduling.cpp
void affinity(const Service& service, const Report& report);
void toleration(const Service& service, const Report& report);
void toleration(const ModelObject& model, const Report& report);
void spread(const Service& service, const Report& report);
void pull_secret(const Service& service, const Report& report);

// model.cpp
void model_name_length(const ModelObject& model, const Report& report);
void model_name_label(const ModelObject& model, const Report& report);
void source(const ModelObject& model, const Report& report);
void source_claim(const ModelObject& model, const Report& report);
void source_credential(const ModelObject& model, const Report& report);
void source_on_node(const ModelObject& model, const Report& report);
void source_repository(const ModelObject& model, const Report& report);
void source_file_in_repository(const ModelObject& model, const Report& report);
void source_unverified(const ModelObject& model, const Report& report);
void file_path(const ModelObject& model, const Report& report);
void file_preset(const ModelObject& model, const Report& report);
void file_twice(const ModelObject& model, const Report& report);
void mmproj_files(const ModelObject& model, const Report& report);
void refresh_pinned(const ModelObject& model, const Report& report);
void model_quantity(const ModelObject& model, const Report& report);
void model_quantity_negative(const ModelObject& model, const Report& report);
void model_quantity_fraction(const ModelObject& model, const Report& report);
void secret_name(const ModelObject& model, const Report& report);
void gpu_two_ways(const ModelObject& model, const Report& report);
void gpu_claim(const ModelObject& model, const Report& report);
void gpu_claim_name(const ModelObject& model, const Report& report);
void layer_split(const ModelObject& model, const Report& report);
void accelerator_vendor(const ModelObject& model, const Report& report);

}  // namespace rules::judge
