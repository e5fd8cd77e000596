// Command csi is two CSI drivers on the cluster's one node, file.csi.e2e.local and none.csi.e2e.local, which differ in what the case's
// CSIDriver objects say of them: controller and node services (driver.go), registration at the kubelet as node-driver-registrar does it, and
// kubernetes-csi's own external-provisioner, which makes volumes for the claims of their StorageClasses.
//
//	KUBECONFIG=... STATE=FOLDER csi
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"github.com/kubernetes-csi/csi-lib-utils/metrics"
	provisioner "github.com/kubernetes-csi/external-provisioner/v6/pkg/controller"
	"google.golang.org/grpc"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	translation "k8s.io/csi-translation-lib"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

const (
	plugins  = "/var/lib/kubelet/plugins"
	registry = "/var/lib/kubelet/plugins_registry"
)

var names = []string{"file.csi.e2e.local", "none.csi.e2e.local"}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// serve answers on a UNIX socket what `register` adds.
func serve(socket string, register func(*grpc.Server)) {
	must(os.MkdirAll(filepath.Dir(socket), 0o750))
	os.Remove(socket)
	listener, err := net.Listen("unix", socket)
	must(err)
	server := grpc.NewServer(grpc.UnaryInterceptor(logged))
	register(server)
	go func() { must(server.Serve(listener)) }()
}

// logged says what was asked, and what went wrong.
func logged(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	answer, err := handler(ctx, request)
	if info.FullMethod != csi.Identity_Probe_FullMethodName {
		log.Print(info.FullMethod, " ", request, " error: ", err)
	}
	return answer, err
}

// provision makes the external-provisioner of one driver; what it returns runs it, until ctx ends. Making one writes to client-go's one
// scheme, which those that run read: all must be made before the first runs.
func provision(ctx context.Context, client kubernetes.Interface, name string, socket string) func() {
	const timeout = 10 * time.Second
	connection, err := provisioner.Connect(ctx, "unix://"+socket, metrics.NewCSIMetricsManager(name))
	must(err)
	must(provisioner.Probe(ctx, connection, timeout))
	plugin, volumes, err := provisioner.GetDriverCapabilities(connection, timeout)
	must(err)
	factory := informers.NewSharedInformerFactory(client, time.Hour)
	classes, claims := factory.Storage().V1().StorageClasses().Lister(), factory.Core().V1().PersistentVolumeClaims()
	options := []func(*controller.ProvisionController) error{controller.LeaderElection(false), controller.ClaimsInformer(claims.Informer()),
		controller.AddFinalizer(true), controller.RetryIntervalMax(5 * time.Second)}
	one := controller.NewProvisionController(ctx, client, name, provisioner.NewCSIProvisioner(client, timeout, name, "pvc", -1, connection, nil,
		name, plugin, volumes, "", false, true, translation.New(), classes, nil, nil, claims.Lister(), nil, nil, false, "ext4", nil, false, true,
		nil), options...)
	return func() {
		factory.Start(ctx.Done())
		factory.WaitForCacheSync(ctx.Done())
		one.Run(ctx)
	}
}

// kubelet tells a kubelet that asks which driver stands behind a socket.
type kubelet struct {
	registration.UnimplementedRegistrationServer
	name, socket string
	done         *sync.WaitGroup
}

func (k kubelet) GetInfo(context.Context, *registration.InfoRequest) (*registration.PluginInfo, error) {
	return &registration.PluginInfo{Type: registration.CSIPlugin, Name: k.name, Endpoint: k.socket, SupportedVersions: []string{"1.0.0"}}, nil
}

func (k kubelet) NotifyRegistrationStatus(_ context.Context, status *registration.RegistrationStatus) (*registration.RegistrationStatusResponse, error) {
	if !status.PluginRegistered {
		log.Fatal(status.Error)
	}
	k.done.Done()
	return &registration.RegistrationStatusResponse{}, nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	must(err)
	client, err := kubernetes.NewForConfig(config)
	must(err)
	var provisioners []func()
	var registered sync.WaitGroup
	registered.Add(len(names))
	for _, name := range names {
		socket, announced := filepath.Join(plugins, name, "csi.sock"), filepath.Join(registry, name+"-reg.sock")
		one := driver{name: name, folder: filepath.Join(os.Getenv("STATE"), "csi", name)}
		must(os.MkdirAll(one.folder, 0o700))
		serve(socket, func(server *grpc.Server) {
			csi.RegisterIdentityServer(server, one)
			csi.RegisterControllerServer(server, one)
			csi.RegisterNodeServer(server, one)
		})
		serve(announced, func(server *grpc.Server) {
			registration.RegisterRegistrationServer(server, kubelet{name: name, socket: socket, done: &registered})
		})
		defer os.Remove(announced) // the kubelet takes the driver off the node
		provisioners = append(provisioners, provision(ctx, client, name, socket))
	}
	for _, run := range provisioners {
		go run()
	}
	registered.Wait()
	fmt.Println("registered")
	<-ctx.Done()
}
